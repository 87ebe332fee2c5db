#include "surfaces/openai/style.h"

namespace acloud::surfaces {
namespace {

struct OpenAiError {
  std::string_view type;
  const char* code;  // null for none
};

OpenAiError told(const Error& error, const char* missing) {
  switch (error.code()) {
    case ErrorCode::invalid_argument:
    case ErrorCode::conflict:
    case ErrorCode::precondition_failed:
      return {"invalid_request_error", nullptr};
    case ErrorCode::too_large:
      return {"invalid_request_error", "request_too_large"};
    case ErrorCode::unauthenticated:
      return {"invalid_request_error", "invalid_api_key"};
    case ErrorCode::permission_denied:
      return {"invalid_request_error", "permission_denied"};
    case ErrorCode::not_found:
      return {"invalid_request_error", missing};
    case ErrorCode::budget_exceeded:
      return {"insufficient_quota", "insufficient_quota"};
    case ErrorCode::rate_limited:
      return {error.details().value("kind", "") == "tokens" ? "tokens" : "requests", "rate_limit_exceeded"};
    case ErrorCode::deadline_exceeded:
      return {"server_error", "timeout"};
    default:
      return {"server_error", nullptr};
  }
}

}  // namespace

Json OpenAiStyle::body_of(const Error& error) const {
  const OpenAiError as = told(error, missing_);
  const Json param = error.details().contains("field") ? error.details()["field"] : Json();
  return {{"error",
           {{"message", error.message()},
            {"type", as.type},
            {"param", param},
            {"code", as.code == nullptr ? Json() : Json(as.code)}}}};
}

net::Response OpenAiStyle::error(const Error& error, const std::string&) const {
  net::Response response{.status = traits(error.code()).http_status};
  response.headers.add("content-type", "application/json");
  const auto& details = error.details();
  if (details.contains("body") && details.value("dialect", "") == "openai") {
    response.status = details.value("status", response.status);
    response.body = details["body"].get<std::string>();
  } else {
    response.body = to_text(body_of(error));
  }
  return response;
}

std::string OpenAiStyle::stream_error(const Error& error, const std::string&) const {
  return "data: " + to_text(body_of(error)) + "\n\n";
}

std::string ResponsesStyle::stream_error(const Error& error, const std::string&) const {
  Json event = body_of(error)["error"];
  event["type"] = "error";
  event["sequence_number"] = 0;  // of events that it does not belong to
  return "event: error\ndata: " + to_text(event) + "\n\n";
}

void OpenAiStyle::stamp(net::Headers& headers, const std::string& request_id) const {
  headers.set("x-request-id", request_id);
}

}  // namespace acloud::surfaces
