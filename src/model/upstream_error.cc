#include "base/encoding.h"
#include "model/pipe.h"
#include "model/usage_reader.h"

namespace acloud::model {
namespace {

constexpr std::size_t kMessage = 1000;
constexpr std::size_t kPassedOn = 64 * 1024;

ErrorCode code_of(int status) {
  switch (status) {
    case 404:
      return ErrorCode::not_found;
    case 408:
    case 504:
      return ErrorCode::deadline_exceeded;
    case 409:
      return ErrorCode::conflict;
    case 413:
      return ErrorCode::too_large;
    case 429:
      return ErrorCode::rate_limited;
    default:
      break;
  }
  // A key that the provider refuses, an account without money: nothing that the caller could mend.
  if (status == 401 || status == 402 || status == 403 || status == 407) return ErrorCode::unavailable;
  return status >= 400 && status < 500 ? ErrorCode::invalid_argument : ErrorCode::unavailable;
}

std::string message_in(const Json& body) {
  if (!body.is_object()) return "";
  const auto error = body.find("error");
  for (const Json* place : {error == body.end() ? nullptr : &*error, &body}) {
    if (place == nullptr) continue;
    if (place->is_string()) return place->get<std::string>();
    if (!place->is_object()) continue;
    for (const char* name : {"message", "detail", "msg"}) {
      const auto found = place->find(name);
      if (found != place->end() && found->is_string()) return found->get<std::string>();
    }
  }
  return "";
}

}  // namespace

std::optional<ledger::Tokens> usage_in_reply(Form form, std::string_view usage_json) {
  const auto usage = parse_json(usage_json);
  if (!usage) return std::nullopt;
  if (form == Form::anthropic_messages) return anthropic_usage(*usage);
  return form == Form::openai_responses ? responses_usage(*usage) : openai_usage(*usage);
}

std::optional<std::chrono::milliseconds> retry_after(const net::Headers& headers) {
  const auto number = [&](std::string_view name) -> std::optional<double> {
    const std::string text(headers.value(name));
    if (text.empty()) return std::nullopt;
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    return *end == '\0' && value >= 0 && value < 1e9 ? std::optional(value) : std::nullopt;
  };
  if (const auto ms = number("retry-after-ms")) return std::chrono::milliseconds(std::llround(*ms));
  if (const auto s = number("retry-after")) return std::chrono::milliseconds(std::llround(*s * 1000));
  return std::nullopt;
}

Error upstream_error(std::string_view provider, Dialect dialect, int status, std::string_view body) {
  const auto parsed = parse_json(body);
  std::string message = parsed ? message_in(*parsed) : "";
  if (message.empty()) message = fmt::format("status {}", status);
  const ErrorCode code = code_of(status);
  // What the provider says of its key is for the operator, not for callers.
  if (code == ErrorCode::unavailable && status < 500) {
    message = fmt::format("it refuses acloud with status {}; the operator has to see to its key or account",
                          status);
  }
  Error error =
      Error(code, fmt::format("provider {}: {}", provider, to_valid_utf8(message.substr(0, kMessage))))
          .with_detail("status", status)
          .with_detail("provider", std::string(provider));
  if (parsed && code != ErrorCode::unavailable && body.size() <= kPassedOn) {
    return std::move(error)
        .with_detail("dialect", std::string(schema::Codec<Dialect>::name(dialect)))
        .with_detail("body", std::string(body));
  }
  return error;
}

}  // namespace acloud::model
