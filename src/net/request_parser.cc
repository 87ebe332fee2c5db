#include "net/request_parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>

#include "net/text.h"

namespace acloud::net {
namespace {

namespace http = boost::beast::http;
using ParseError = boost::beast::error_code;

std::string_view std_view(boost::beast::string_view text) { return {text.data(), text.size()}; }

// The four forms of RFC 9112, section 3.2. Bytes outside of visible ASCII, and fragments, are in none.
bool is_target(std::string_view method, std::string_view target) {
  const auto allowed = [](char c) { return c > 0x20 && c < 0x7F && c != '#'; };
  if (!std::ranges::all_of(target, allowed)) return false;
  if (method == "CONNECT") {
    const std::size_t colon = target.rfind(':');
    return colon != std::string_view::npos && colon > 0 && colon + 1 < target.size() &&
           target.find_first_of("/?@") == std::string_view::npos;
  }
  if (target == "*") return method == "OPTIONS";
  return target.starts_with('/') || target.starts_with("http://") || target.starts_with("https://");
}

// A host name, an address or [an IPv6 address], and a port; empty is allowed (RFC 9110, section 7.2).
bool is_host(std::string_view host) {
  return std::ranges::all_of(host, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("-._~:[]%!$&'()*+;=").find(c) != std::string_view::npos;
  });
}

// What ends a parse() from within; the refusal says why.
ParseError refused() { return http::make_error_code(http::error::bad_value); }

}  // namespace

RequestParser::RequestParser(std::size_t header_bytes, std::uint64_t body_bytes)
    : header_bytes_(header_bytes), body_bytes_(body_bytes) {
  header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(header_bytes, UINT32_MAX)));
  body_limit(body_bytes);
}

std::size_t RequestParser::parse(std::string_view bytes, std::string& body) {
  body_ = &body;
  std::size_t taken = 0;
  // Something that can't become a request (a TLS handshake, say) is told at once, not when it times out.
  if (head_taken_ == 0 && !bytes.empty() && (bytes.front() < 'A' || bytes.front() > 'z')) {
    refuse(400, ErrorCode::invalid_argument, "this is no HTTP request: it does not begin with a method");
  }
  while (!refusal_ && taken < bytes.size() && !done()) {
    const bool was_head = !head_done();
    ParseError error;
    const std::size_t step =
        put(boost::asio::const_buffer(bytes.data() + taken, bytes.size() - taken), error);
    if (was_head) check_head(bytes.substr(taken, step));
    taken += step;
    if (error == http::error::need_more) {
      if (was_head) check_rest_of_head(bytes.substr(taken));
      break;
    }
    if (error && !refusal_) refuse_for(error);
    if (was_head && head_done()) break;
  }
  return taken;
}

std::optional<std::uint64_t> RequestParser::body_length() const {
  if (chunked()) return std::nullopt;
  const auto length = content_length();
  return length ? *length : 0;
}

void RequestParser::on_request_impl(http::verb, View method, View target, int version, ErrorRef error) {
  has_request_line_ = true;
  request_.method = std_view(method);
  request_.target = std_view(target);
  http_1_0_ = version == 10;
  if (!is_target(request_.method, request_.target)) {
    refuse(400, ErrorCode::invalid_argument,
           "the request target is not valid; percent-encode what is not visible ASCII", error);
  }
}

void RequestParser::on_field_impl(http::field field, View name, View value, ErrorRef error) {
  if (head_done()) return;  // trailers: nobody asked for them
  switch (field) {
    case http::field::host:
      if (++hosts_ > 1) {
        refuse(400, ErrorCode::invalid_argument, "the request has more than one Host header", error);
      } else if (!is_host(std_view(value))) {
        refuse(400, ErrorCode::invalid_argument, "the Host header is not a host and a port", error);
      }
      break;
    case http::field::transfer_encoding:
      if (http_1_0_) {
        refuse(400, ErrorCode::invalid_argument, "HTTP/1.0 has no Transfer-Encoding", error);
      } else if (!same_token(std_view(value), "chunked")) {
        refuse(501, ErrorCode::invalid_argument, "only the transfer coding \"chunked\" is supported", error);
      }
      break;
    case http::field::expect:
      expects_continue_ = same_token(std_view(value), "100-continue");
      break;
    default:
      break;
  }
  request_.headers.add(std::string(std_view(name)), std::string(std_view(value)));
}

void RequestParser::on_header_impl(ErrorRef error) {
  if (hosts_ == 0 && !http_1_0_) {
    refuse(400, ErrorCode::invalid_argument, "the request has no Host header", error);
  }
}

std::size_t RequestParser::on_body_impl(View bytes, ErrorRef) {
  body_->append(bytes.data(), bytes.size());
  return bytes.size();
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, View bytes, ErrorRef) {
  body_->append(bytes.data(), bytes.size());
  return bytes.size();
}

void RequestParser::refuse(int status, ErrorCode code, std::string message) {
  if (!refusal_) refusal_.emplace(status, Error(code, std::move(message)));
}

void RequestParser::refuse(int status, ErrorCode code, std::string message, ErrorRef error) {
  refuse(status, code, std::move(message));
  error = refused();
}

// Of the lines that Beast has just taken: it limits each of them, not the head, and it unfolds headers that
// go on in the next line, which HTTP no longer has (RFC 9112, section 5.2).
void RequestParser::check_head(std::string_view lines) {
  head_taken_ += lines.size();
  if (head_taken_ > header_bytes_) refuse_for(http::make_error_code(http::error::header_limit));
  // Where they are malformed the last of them may be broken off.
  if (lines.find("\n ") != lines.npos || lines.find("\n\t") != lines.npos) {
    refuse(400, ErrorCode::invalid_argument, "a header goes on in a second line; write it in one");
  }
}

// Beast waits for the end of a head that came in pieces before it looks at its lines again. A carriage return
// without its line feed can't become right by what follows, so its sender is told at once.
void RequestParser::check_rest_of_head(std::string_view bytes) {
  for (std::size_t at = bytes.find('\r'); at != bytes.npos && at + 1 < bytes.size();
       at = bytes.find('\r', at + 1)) {
    if (bytes[at + 1] != '\n') {
      refuse(400, ErrorCode::invalid_argument,
             "a line of the head has a carriage return without a line feed");
      return;
    }
  }
}

void RequestParser::refuse_for(const ParseError& error) {
  if (error == http::error::header_limit) {
    const bool in_target = !has_request_line_;
    refuse(in_target ? 414 : 431, ErrorCode::too_large,
           fmt::format("the request's {} larger than {} bytes", in_target ? "target is" : "headers are",
                       header_bytes_));
  } else if (error == http::error::body_limit) {
    refuse(413, ErrorCode::too_large, fmt::format("the body is larger than {} bytes", body_bytes_));
  } else {
    refuse(400, ErrorCode::invalid_argument, fmt::format("malformed HTTP: {}", error.message()));
  }
}

}  // namespace acloud::net
