#include "surfaces/anthropic/anthropic.h"

#include "base/encoding.h"

namespace acloud::surfaces {
namespace {

struct AnthropicError {
  int status;
  std::string_view type;
};

// https://docs.anthropic.com/en/api/errors
AnthropicError told(ErrorCode code) {
  switch (code) {
    case ErrorCode::unauthenticated:
      return {401, "authentication_error"};
    case ErrorCode::budget_exceeded:
      return {402, "billing_error"};
    case ErrorCode::permission_denied:
      return {403, "permission_error"};
    case ErrorCode::not_found:
      return {404, "not_found_error"};
    case ErrorCode::too_large:
      return {413, "request_too_large"};
    case ErrorCode::rate_limited:
      return {429, "rate_limit_error"};
    case ErrorCode::unavailable:
      return {529, "overloaded_error"};
    case ErrorCode::deadline_exceeded:
      return {504, "timeout_error"};
    case ErrorCode::invalid_argument:
    case ErrorCode::conflict:
    case ErrorCode::precondition_failed:
      return {400, "invalid_request_error"};
    default:
      return {500, "api_error"};
  }
}

std::string body_of(const Error& error, const std::string& request_id) {
  return to_text({{"type", "error"},
                  {"error", {{"type", told(error.code()).type}, {"message", error.message()}}},
                  {"request_id", request_id}});
}

}  // namespace

net::Response AnthropicStyle::error(const Error& error, const std::string& request_id) const {
  net::Response response{.status = told(error.code()).status};
  response.headers.add("content-type", "application/json");
  const auto& details = error.details();
  if (details.contains("body") && details.value("dialect", "") == "anthropic") {
    response.status = details.value("status", response.status);
    response.body = details["body"].get<std::string>();
  } else {
    response.body = body_of(error, request_id);
  }
  return response;
}

std::string AnthropicStyle::stream_error(const Error& error, const std::string& request_id) const {
  return "event: error\ndata: " + body_of(error, request_id) + "\n\n";
}

void AnthropicStyle::stamp(net::Headers& headers, const std::string& request_id) const {
  headers.set("request-id", request_id);
  headers.set("x-request-id", request_id);
}

bool Anthropic::takes(const net::Request& request) {
  const std::string_view path = request.path();
  if (path == "/v1/messages" || path.starts_with("/v1/messages/")) return true;
  return path == "/v1/models" && request.headers.get("anthropic-version");
}

Task<net::Response> Anthropic::handle(net::Request& request) {
  const std::string path(request.path());
  if (request.method == "POST" && path == "/v1/messages") {
    co_return co_await calls_.run(request, {"model.chat", "anthropic.messages"}, style_);
  }
  if (request.method == "POST" && path == "/v1/messages/count_tokens") {
    co_return co_await calls_.run(request, {"model.count_tokens", "anthropic.count_tokens"}, style_);
  }
  if (request.method == "GET" && path == "/v1/models") co_return co_await models(request);
  const std::string id = calls_.new_request_id();
  net::Response response =
      style_.error(Error(ErrorCode::not_found,
                         fmt::format("{} {} is not offered here", to_valid_utf8(request.method.substr(0, 32)),
                                     to_valid_utf8(path.substr(0, 256)))),
                   id);
  style_.stamp(response.headers, id);
  co_return response;
}

Task<net::Response> Anthropic::models(net::Request& request) {
  const std::string id = calls_.new_request_id();
  const auto page = co_await calls_.call(request, "model.list", Json::object());
  net::Response response;
  if (page) {
    Json data = Json::array();
    for (const Json& item : (*page)["items"]) {
      data.push_back({{"type", "model"},
                      {"id", item["name"]},
                      {"display_name", item["name"]},
                      {"created_at", "1970-01-01T00:00:00Z"}});
    }
    const Json first = data.empty() ? Json() : data.front()["id"];
    const Json last = data.empty() ? Json() : data.back()["id"];
    response.headers.add("content-type", "application/json");
    response.body =
        to_text({{"data", std::move(data)}, {"has_more", false}, {"first_id", first}, {"last_id", last}});
  } else {
    response = style_.error(page.error(), id);
  }
  style_.stamp(response.headers, id);
  co_return response;
}

}  // namespace acloud::surfaces
