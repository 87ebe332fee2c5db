#include "mcp/protocol.h"

#include "base/encoding.h"

namespace acloud::mcp {
namespace {

constexpr std::size_t kIdBytes = 512;
constexpr std::size_t kMethodBytes = 128;

Rpc<std::string> id_text(const Json& id) {
  if (!id.is_string() && !id.is_number_integer())
    return refuse(Code::invalid_request, "id: must be a string or an integer");
  std::string text = to_text(id);
  if (text.size() > kIdBytes)
    return refuse(Code::invalid_request, "id: {} bytes are more than {}", text.size(), kIdBytes);
  return text;
}

Rpc<Message> parse_response(Message message, Json& json) {
  message.kind = Message::Kind::response;
  if (message.id.empty() && !json.contains("error"))
    return refuse(Code::invalid_request, "id: a result must have one");
  if (json.contains("result") == json.contains("error"))
    return refuse(Code::invalid_request, "a response has either result or error");
  if (json.contains("error")) {
    message.error = std::move(json["error"]);
    if (!message.error.is_object()) return refuse(Code::invalid_request, "error: must be an object");
  } else {
    message.result = std::move(json["result"]);
    if (!message.result.is_object()) return refuse(Code::invalid_request, "result: must be an object");
  }
  return message;
}

}  // namespace

std::unexpected<RpcError> refuse_with(Code code, std::string message, OrderedJson data) {
  return std::unexpected(RpcError{code, std::move(message), std::move(data)});
}

std::unexpected<RpcError> refuse(const Error& error) {
  const bool theirs = error.code() == ErrorCode::invalid_argument || error.code() == ErrorCode::not_found ||
                      error.code() == ErrorCode::too_large;
  return refuse_with(theirs ? Code::invalid_params : Code::internal_error, error.message(),
                     {{"code", traits(error.code()).name}});
}

Rpc<Message> parse_message(std::string_view text, std::string& id) {
  auto parsed = parse_json(text);
  if (!parsed) return refuse(Code::parse_error, "{}", parsed.error().message());
  Json& json = *parsed;
  if (json.is_array()) return refuse(Code::invalid_request, "batches are not taken: send one message");
  if (!json.is_object()) return refuse(Code::invalid_request, "a message must be an object");
  Message message;
  if (const auto given = json.find("id"); given != json.end()) {
    ACLOUD_TRY(message.id, id_text(*given));
    id = message.id;
  }
  if (const auto version = json.find("jsonrpc"); version == json.end() || *version != "2.0")
    return refuse(Code::invalid_request, "jsonrpc: must be \"2.0\"");
  const auto method = json.find("method");
  if (method == json.end()) {
    if (json.contains("result") || json.contains("error")) return parse_response(std::move(message), json);
    return refuse(Code::invalid_request, "method: is missing");
  }
  if (!method->is_string() || method->get_ref<const std::string&>().size() > kMethodBytes)
    return refuse(Code::invalid_request, "method: must be text of at most {} bytes", kMethodBytes);
  message.method = method->get<std::string>();
  message.kind = message.id.empty() ? Message::Kind::notification : Message::Kind::request;
  if (const auto params = json.find("params"); params != json.end()) {
    if (!params->is_object()) return refuse(Code::invalid_params, "params: must be an object");
    message.params = std::move(*params);
  }
  return message;
}

namespace {

std::string begin_message(std::string_view id) {
  std::string text = R"({"jsonrpc":"2.0")";
  if (!id.empty()) {
    text += R"(,"id":)";
    text += id;
  }
  return text;
}

}  // namespace

std::string result_message(std::string_view id, std::string_view result) {
  std::string text = begin_message(id);
  text.reserve(text.size() + result.size() + 16);
  text += R"(,"result":)";
  text += result;
  return text += '}';
}

std::string error_message(std::string_view id, const RpcError& error) {
  std::string text = begin_message(id);
  text += fmt::format(R"(,"error":{{"code":{},"message":)", static_cast<int>(error.code));
  append_json_string(text, error.message);
  if (!error.data.is_null()) {
    text += R"(,"data":)";
    text += error.data.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  }
  return text += "}}";
}

std::string notification_message(std::string_view method, std::string_view params) {
  return request_message("", method, params);
}

std::string request_message(std::string_view id, std::string_view method, std::string_view params) {
  std::string text = begin_message(id);
  text += R"(,"method":)";
  append_json_string(text, method);
  text += R"(,"params":)";
  text += params;
  return text += '}';
}

}  // namespace acloud::mcp
