// A request's head as bytes. What is written here is what the server parses, so nothing goes in unchecked: a
// line break in a value would be a second request.
#include "net/client_exchange.h"
#include "net/text.h"

namespace acloud::net {
namespace {

// RFC 9110, section 5.6.2.
bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c == '\t' || (c >= ' ' && c != 0x7f); });
}

bool is_request_target(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) { return c > ' ' && c != 0x7f; });
}

// The framing is made from the body alone, whatever the caller's fields say of it.
bool frames_body(std::string_view name) {
  return same_token(name, "content-length") || same_token(name, "transfer-encoding");
}

std::string host_field(const Origin& origin) {
  if (origin.scheme == "unix") return "localhost";
  const bool v6 = origin.host.find(':') != std::string::npos;
  std::string host = v6 ? fmt::format("[{}]", origin.host) : origin.host;
  const bool usual = origin.port == (origin.scheme == "https" ? 443 : 80);
  return usual ? host : fmt::format("{}:{}", host, origin.port);
}

// A request without a body says so only where the method makes one expected (RFC 9110, section 8.6).
bool expects_body(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

}  // namespace

bool is_chunked(const Request& request) { return request.body.is_stream() && !request.body.length(); }

Result<std::string> request_head(const Origin& origin, const Request& request) {
  if (!is_token(request.method)) {
    return fail(ErrorCode::invalid_argument, "\"{}\" is no HTTP method", request.method);
  }
  if (!is_request_target(request.target)) {
    return fail(ErrorCode::invalid_argument, "a request's target must be percent-encoded, without spaces");
  }
  std::string head = fmt::format("{} {} HTTP/1.1\r\n", request.method, request.target);
  if (!request.headers.get("host")) head += fmt::format("Host: {}\r\n", host_field(origin));
  for (const auto& [name, value] : request.headers) {
    if (!is_token(name)) return fail(ErrorCode::invalid_argument, "\"{}\" is no header name", name);
    if (!is_field_value(value)) {
      return fail(ErrorCode::invalid_argument,
                  "header {}: its value holds a line break or a control character", name);
    }
    if (!frames_body(name)) head.append(name).append(": ").append(value).append("\r\n");
  }
  if (is_chunked(request)) {
    head += "Transfer-Encoding: chunked\r\n";
  } else if (const auto length = request.body.length().value_or(0);
             length != 0 || expects_body(request.method)) {
    head += fmt::format("Content-Length: {}\r\n", length);
  }
  head += "\r\n";
  return head;
}

}  // namespace acloud::net
