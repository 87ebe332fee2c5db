#include "net/server_output.h"

#include <ctime>

#include "net/text.h"

namespace acloud::net {
namespace {

// The moment in the form of RFC 9110, section 5.6.7, made once a second.
std::string_view http_date() {
  thread_local std::time_t made = 0;
  thread_local char text[40];
  thread_local std::size_t size = 0;
  if (const std::time_t now = std::time(nullptr); now != made) {
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    made = now;
  }
  return {text, size};
}

bool has_no_body(int status) { return status / 100 == 1 || status == 204 || status == 304; }

bool is_framing(std::string_view name) {
  return same_token(name, "connection") || same_token(name, "content-length") ||
         same_token(name, "transfer-encoding") || same_token(name, "keep-alive");
}

// A line break or a NUL in a name or a value would let it forge headers and whole responses.
void put_clean(std::string& out, std::string_view text) {
  constexpr std::string_view kForging("\r\n\0", 3);
  const std::size_t begin = out.size();
  out += text;
  // Nearly never there, so that a search for each is the fast way.
  const bool clean = std::ranges::none_of(kForging, [text](char c) { return text.contains(c); });
  if (clean) return;
  for (std::size_t i = begin; i < out.size(); ++i) {
    if (kForging.contains(out[i])) out[i] = ' ';
  }
}

void put_field(std::string& out, std::string_view name, std::string_view value) {
  put_clean(out, name);
  out += ": ";
  put_clean(out, value);
  out += "\r\n";
}

void put_status(std::string& out, int status) {
  fmt::format_to(std::back_inserter(out), FMT_STRING("HTTP/1.1 {} {}\r\n"), status, reason(status));
}

void put_date(std::string& out, const Headers& headers) {
  if (!headers.get("date")) out.append("date: ").append(http_date()).append("\r\n");
}

}  // namespace

Framing framing_of(const Response& response, const std::string& method, bool http_1_0) {
  Framing framing;
  if (has_no_body(response.status)) return framing;
  if (const auto length = response.produce ? std::nullopt : response.body.length()) {
    framing.kind = Framing::Kind::length;
    framing.length = *length;
  } else {
    framing.kind = http_1_0 ? Framing::Kind::until_close : Framing::Kind::chunked;
  }
  framing.send_body = method != "HEAD";
  return framing;
}

void put_head(std::string& out, const Response& response, const Framing& framing, bool keep_alive,
              bool http_1_0) {
  put_status(out, response.status);
  for (const auto& [name, value] : response.headers) {
    // The answer to a HEAD may say a length without having the body.
    const bool length_of_head =
        !framing.send_body && framing.length == 0 && same_token(name, "content-length");
    if (!is_framing(name) || length_of_head) put_field(out, name, value);
  }
  put_date(out, response.headers);
  const bool length_given =
      !framing.send_body && framing.length == 0 && response.headers.get("content-length");
  if (framing.kind == Framing::Kind::length && !length_given) {
    fmt::format_to(std::back_inserter(out), FMT_STRING("content-length: {}\r\n"), framing.length);
  } else if (framing.kind == Framing::Kind::chunked) {
    out += "transfer-encoding: chunked\r\n";
  }
  if (!keep_alive) {
    out += "connection: close\r\n";
  } else if (http_1_0) {
    out += "connection: keep-alive\r\n";
  }
  out += "\r\n";
}

void put_upgrade_head(std::string& out, const Response& response) {
  put_status(out, response.status);
  for (const auto& [name, value] : response.headers) {
    if (!same_token(name, "content-length") && !same_token(name, "transfer-encoding")) {
      put_field(out, name, value);
    }
  }
  put_date(out, response.headers);
  out += "\r\n";
}

// Drops `count` bytes from the front of what is left; true where nothing is.
bool Output::taken(std::size_t count) {
  bool all = true;
  for (asio::const_buffer& buffer : rest_) {
    const std::size_t step = std::min(count, buffer.size());
    buffer += step;
    count -= step;
    all = all && buffer.size() == 0;
  }
  return all;
}

bool Output::write_now(std::string_view first, std::string_view second, std::string_view third) {
  rest_ = {asio::buffer(first), asio::buffer(second), asio::buffer(third)};
  if (tls_) return taken(0);
  error_ = {};
  const std::size_t count = transport_.write_some(rest_, error_);
  if (error_ == asio::error::would_block) error_ = {};
  return taken(count);
}

Task<Result<>> Output::write_rest() {
  while (!error_ && !taken(0)) {
    timeouts_.set(Timeouts::write, stall_);
    const auto written = co_await await_asio<std::size_t>(
        [this](auto handler) { transport_.async_write_some(rest_, std::move(handler)); });
    timeouts_.clear(Timeouts::write);
    if (written.stopped) co_return fail_asio(written, "sending");
    error_ = written.error;
    taken(written.value);
  }
  if (error_) co_return fail(ErrorCode::unavailable, "sending to the client: {}", error_.message());
  co_return Result<>();
}

Task<Result<>> Output::write(std::string_view first, std::string_view second, std::string_view third) {
  if (write_now(first, second, third)) co_return Result<>();
  co_return co_await write_rest();
}

}  // namespace acloud::net
