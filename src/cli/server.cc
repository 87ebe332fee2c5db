#include "cli/server.h"

#include <charconv>

#include "base/json.h"
#include "base/json_text.h"

namespace acloud::cli {
namespace {

constexpr std::size_t kLargestError = 1 << 20;

// For answers that are not the server's own, such as those of a proxy before it.
ErrorCode code_of(int status) {
  for (const ErrorCode code :
       {ErrorCode::invalid_argument, ErrorCode::unauthenticated, ErrorCode::budget_exceeded,
        ErrorCode::permission_denied, ErrorCode::not_found, ErrorCode::conflict,
        ErrorCode::precondition_failed, ErrorCode::too_large, ErrorCode::rate_limited, ErrorCode::unavailable,
        ErrorCode::deadline_exceeded}) {
    if (traits(code).http_status == status) return code;
  }
  return status >= 500 ? ErrorCode::internal : ErrorCode::invalid_argument;
}

Error with_retry_after(Error error, const net::Headers& headers) {
  const std::string_view text = headers.value("retry-after");
  std::int64_t seconds = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (problem != std::errc() || end != text.data() + text.size() || seconds < 0) return error;
  return std::move(error).with_retry_after(std::chrono::seconds(seconds));
}

}  // namespace

Server::Server(async::EventLoop& loop, Settings settings, std::string version)
    : settings_(std::move(settings)),
      version_(std::move(version)),
      url_(net::parse_url(settings_.url).value()),
      client_(loop) {
  while (url_.target.ends_with('/')) url_.target.pop_back();
}

Task<Outcome<net::Response>> Server::send(net::Request request, net::Client::Times times) {
  request.target.insert(0, url_.target);
  request.headers.set("User-Agent", "acloud/" + version_);
  if (!settings_.key.empty()) request.headers.set("Authorization", "Bearer " + settings_.key);
  auto response = co_await client_.send(url_.origin, std::move(request), times);
  if (response) co_return std::move(*response);

  const Error& error = response.error();
  if (error.details().value("phase", "") != "connect" || error.code() == ErrorCode::cancelled) {
    co_return std::unexpected(Failure(error));
  }
  Failure failure(
      Error(ErrorCode::unavailable,
            fmt::format("no server at {} (from {}): {}; start one with acloud serve, or name another "
                        "with --url or ACLOUD_URL",
                        settings_.url, settings_.url_from, error.message())));
  failure.unreachable = true;
  co_return std::unexpected(std::move(failure));
}

Task<Outcome<net::Response>> Server::get(std::string path, net::Headers headers) {
  constexpr std::chrono::seconds kSoon{10};
  net::Request request;
  request.target = std::move(path);
  request.headers = std::move(headers);
  co_return co_await send(std::move(request), {.connect = {}, .first_byte = kSoon, .between_bytes = kSoon});
}

Task<Outcome<net::Response>> Server::post(std::string path, net::Headers headers, net::Body body) {
  net::Request request;
  request.method = "POST";
  request.target = std::move(path);
  request.headers = std::move(headers);
  request.body = std::move(body);
  auto sent = co_await send(std::move(request), {});
  if (!sent || sent->status < 400) co_return sent;
  const auto text = co_await sent->body.read_all(kLargestError);
  Failure failure = failure_of(sent->status, text.value_or(""), sent->headers);
  if (failure.error.code() == ErrorCode::unauthenticated && settings_.key.empty()) {
    (void)std::move(failure.error).within("no key: set ACLOUD_API_KEY or give --key");
  }
  co_return std::unexpected(std::move(failure));
}

Failure failure_of(int status, std::string_view body, const net::Headers& headers) {
  const std::string request_id(headers.value("x-request-id"));
  const auto json = parse_json(body);
  const bool documented =
      json && json->is_object() && json->contains("error") && (*json)["error"].is_object();
  if (!documented) {
    Failure failure(
        Error(code_of(status), fmt::format("the server answered {} {}", status, net::reason(status))));
    failure.request_id = request_id;
    return failure;
  }
  const Json& said = (*json)["error"];
  Error error(error_code(text_at(said, "code")).value_or(code_of(status)), text_at(said, "message"));
  if (const auto details = said.find("details"); details != said.end() && details->is_object()) {
    for (const auto& [name, value] : details->items()) error = Error(error).with_detail(name, value);
  }
  Failure failure(with_retry_after(std::move(error), headers));
  failure.request_id = text_at(said, "request_id");
  if (failure.request_id.empty()) failure.request_id = request_id;
  return failure;
}

}  // namespace acloud::cli
