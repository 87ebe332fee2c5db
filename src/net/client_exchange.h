// One request and its response on a connection.
//
// The request is written while the response's head is awaited, since a server may refuse a large body before
// it has all of it. Such an early refusal ends the writing, and the connection with the response. When run()
// returns, the request is not touched any more; the response's body then reads from the connection at its
// reader's pace.
//
// Include it in .cc files of src/net alone.
#pragma once

#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <stop_token>

#include "async/task_scope.h"
#include "net/client_connection.h"

namespace acloud::net {

// The request line and the header fields, with Host and the body's framing.
// Errors: invalid_argument where the method, the target or a field can't be written as HTTP.
Result<std::string> request_head(const Origin& origin, const Request& request);

// True where the body's length is unknown, so that it goes out in chunks.
bool is_chunked(const Request& request);

class Exchange {
 public:
  struct Times {
    std::chrono::milliseconds first_byte, between_bytes;
  };
  Exchange(Pool::Lease lease, Times times, std::size_t header_bytes);

  // Writes `head` and the body, reads the response's head; its body stays in `self`. REQUIRES: the request
  // outlives the call.
  // Errors: as Client::send.
  static Task<Result<Response>> run(std::unique_ptr<Exchange> self, const std::string& head, Request& request,
                                    bool& never_reached);

  // The next bytes of the response's body, "" at its end, when the connection has gone back to the pool.
  Task<Result<std::string>> read_body();

 private:
  class BodyStream;
  using Parser = beast::http::response_parser<beast::http::buffer_body>;

  Task<Result<Response>> talk(const std::string& head, Request& request);
  Task<> write(const std::string& head, Request& request);
  Task<Result<>> write_all(const std::string& head, Request& request);
  Task<Result<>> write_body(Request& request);
  Task<Result<>> write_bytes(std::string_view bytes);
  Task<Result<std::size_t>> write_some(std::string_view bytes);
  void await_head_for(std::chrono::milliseconds time);

  Task<Result<>> read_head(bool is_head_request);
  Task<Result<>> read_final_head(bool is_head_request);
  Task<Result<std::size_t>> read_some(std::size_t at_most);
  Error why_no_head(Error read_error) const;
  Response take_response();
  Task<Result<>> read_more_body();
  std::unexpected<Error> body_failed(Error error);
  void finish();

  std::optional<Pool::Lease> lease_;  // nothing after the response's end
  std::shared_ptr<Pool> pool_;
  Times times_;
  std::size_t header_bytes_;
  std::optional<Parser> parser_;
  std::size_t read_size_ = 8 * 1024;  // grows while the server fills it
  bool close_after_ = false;          // the request asks for it

  // While the head is awaited.
  std::stop_source stop_reading_;
  async::EventLoop::Timer head_timer_;
  bool head_late_ = false;
  bool written_ = false;      // the whole request
  bool got_bytes_ = false;    // any of the response
  bool source_read_ = false;  // the request's body, from a stream: it can't be sent again
  std::uint64_t taken_ = 0;   // bytes of the request handed to the kernel
  std::optional<Error> write_error_;
  std::optional<Error> source_error_;  // of the stream that gives the request's body
};

}  // namespace acloud::net
