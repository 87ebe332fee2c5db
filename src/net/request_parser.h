// A request from bytes: Beast's parser, held to what HTTP says where Beast is lenient, since two servers in a
// row that read one request differently are how requests are smuggled (RFC 9112, section 11.2).
//
// Include it in .cc files of src/net alone.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <optional>

#include "net/http.h"

namespace acloud::net {

// Why a request is not answered by the handler: the status, where `error`'s own would say too little.
struct Refusal {
  int status;
  Error error;
};

class RequestParser final : private boost::beast::http::basic_parser<true> {
 public:
  // The head may have `header_bytes`, the body `body_bytes`.
  RequestParser(std::size_t header_bytes, std::uint64_t body_bytes);

  // Takes what it can of `bytes`, which begin where it stopped the last time, and says how much. A line of
  // the head is taken whole, so `bytes` must be able to grow to `header_bytes`. What a body decodes to goes
  // to `body`, at most as much as `bytes` are. Stops at the end of the head, and of the request.
  std::size_t parse(std::string_view bytes, std::string& body);

  // Set when the request must be refused; the connection can't be used any more.
  const std::optional<Refusal>& refusal() const { return refusal_; }
  bool head_done() const { return is_header_done(); }
  bool done() const { return is_done(); }

  // Of the head, when it is done. The request has no body yet.
  Request& request() { return request_; }
  bool http_1_0() const { return http_1_0_; }
  bool wants_keep_alive() const { return keep_alive(); }
  bool expects_continue() const { return expects_continue_ && !http_1_0_; }
  // Nothing for a chunked body.
  std::optional<std::uint64_t> body_length() const;

 private:
  using ErrorRef = boost::beast::error_code&;
  using View = boost::beast::string_view;
  void on_request_impl(boost::beast::http::verb, View method, View target, int version, ErrorRef) override;
  void on_field_impl(boost::beast::http::field field, View name, View value, ErrorRef) override;
  void on_header_impl(ErrorRef error) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorRef) override {}
  std::size_t on_body_impl(View bytes, ErrorRef) override;
  void on_chunk_header_impl(std::uint64_t, View, ErrorRef) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, View bytes, ErrorRef) override;
  void on_finish_impl(ErrorRef) override {}
  void on_response_impl(int, View, int, ErrorRef) override {}

  void refuse(int status, ErrorCode code, std::string message);
  void refuse(int status, ErrorCode code, std::string message, ErrorRef error);
  void refuse_for(const boost::beast::error_code& error);
  void check_head(std::string_view lines);
  void check_rest_of_head(std::string_view bytes);

  Request request_;
  std::optional<Refusal> refusal_;
  std::string* body_ = nullptr;  // during parse()
  std::size_t header_bytes_;
  std::uint64_t body_bytes_;
  std::size_t head_taken_ = 0;
  std::size_t hosts_ = 0;
  bool has_request_line_ = false;
  bool http_1_0_ = false;
  bool expects_continue_ = false;
};

}  // namespace acloud::net
