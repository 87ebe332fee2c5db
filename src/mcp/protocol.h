// JSON-RPC 2.0 as MCP has it: one message in, one out, for servers and clients alike. Batches are not taken,
// since no revision that is spoken here has them.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/schema.h"

namespace acloud::mcp {

inline constexpr std::string_view kStateless = "2026-07-28";
inline constexpr std::string_view kSessions = "2025-11-25";
// Spoken too where the other side begins with it: what differs from 2025-11-25 is not used here.
inline constexpr std::string_view kSessionsBefore = "2025-06-18";

enum class Code {
  parse_error = -32700,
  invalid_request = -32600,
  method_not_found = -32601,
  invalid_params = -32602,
  internal_error = -32603,
  resource_not_found = -32002,  // as revision 2025-11-25 says it
  header_mismatch = -32020,
  missing_capability = -32021,
  unsupported_version = -32022,
  input_needed = 1,  // never leaves: `data` is what the client is asked, as an InputRequiredResult has it
};

struct RpcError {
  Code code;
  std::string message;
  OrderedJson data;  // null: none
};

template <class T = void>
using Rpc = std::expected<T, RpcError>;

// return refuse(Code::invalid_params, "no tool {}", name);
template <class... Args>
std::unexpected<RpcError> refuse(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(RpcError{code, fmt::format(format, std::forward<Args>(args)...), nullptr});
}
std::unexpected<RpcError> refuse_with(Code code, std::string message, OrderedJson data);
// An error of the house where a protocol error is wanted: what the client sent is invalid_params.
std::unexpected<RpcError> refuse(const Error& error);

struct Message {
  enum class Kind { request, notification, response };
  Kind kind = Kind::request;
  std::string id;  // as JSON text; "" for a notification
  std::string method;
  Json params = Json::object();
  Json result;  // of a response; null where it is an error
  Json error;
};

// `id` is set as soon as it is known, so that an error can name it.
// Errors: parse_error, invalid_request, invalid_params (params that are no object).
Rpc<Message> parse_message(std::string_view text, std::string& id);

// `result` and `params` are JSON texts of an object. An `id` that is "" is left out.
std::string result_message(std::string_view id, std::string_view result);
std::string error_message(std::string_view id, const RpcError& error);
std::string notification_message(std::string_view method, std::string_view params);
std::string request_message(std::string_view id, std::string_view method, std::string_view params);

}  // namespace acloud::mcp
