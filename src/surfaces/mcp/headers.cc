#include "surfaces/mcp/headers.h"

#include "base/encoding.h"
#include "net/text.h"

namespace acloud::surfaces::mcp {
namespace {

constexpr std::string_view kBegin = "=?base64?";
constexpr std::string_view kEnd = "?=";

std::unexpected<RpcError> mismatch(std::string_view header, std::string_view wanted) {
  return refuse(Code::header_mismatch, "header {}: must say {}, as the body does", header,
                to_valid_utf8(wanted.substr(0, 200)));
}

}  // namespace

const char* named_by(std::string_view method) {
  if (method == "tools/call" || method == "prompts/get") return "name";
  if (method == "resources/read") return "uri";
  if (method == "tasks/get" || method == "tasks/update" || method == "tasks/cancel") return "taskId";
  return nullptr;
}

std::string header_value(const std::string& text) {
  const bool plain = std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 && c < 0x7f; }) &&
                     net::trim(text) == text && !text.starts_with(kBegin) && !text.empty();
  return plain ? text : fmt::format("{}{}{}", kBegin, to_base64(text), kEnd);
}

Rpc<std::string> header_text(std::string_view value) {
  value = net::trim(value);
  if (value.size() < kBegin.size() + kEnd.size() || !value.starts_with(kBegin) || !value.ends_with(kEnd))
    return std::string(value);
  const std::string_view text = value.substr(kBegin.size(), value.size() - kBegin.size() - kEnd.size());
  auto decoded = from_base64(text);
  // from_base64() is kinder than this encoding: it takes what is not padded, and the other alphabet.
  if (!decoded || to_base64(*decoded) != text)
    return refuse(Code::header_mismatch, "a header's base64 is malformed");
  return *std::move(decoded);
}

Rpc<> check_headers(const net::Headers& headers, const Message& message) {
  const auto method = headers.get("mcp-method");
  if (!method || net::trim(*method) != message.method) return mismatch("Mcp-Method", message.method);
  const char* field = named_by(message.method);
  if (field == nullptr || !message.params.contains(field) || !message.params[field].is_string()) return {};
  const std::string& wanted = message.params[field].get_ref<const std::string&>();
  const auto name = headers.get("mcp-name");
  if (!name) return mismatch("Mcp-Name", wanted);
  ACLOUD_TRY(const std::string said, header_text(*name));
  if (said != wanted) return mismatch("Mcp-Name", wanted);
  return {};
}

Rpc<> check_arguments(const net::Headers& headers, const Tool& tool, const Json& params) {
  const Json arguments = params.value("arguments", Json::object());
  for (const auto& [header, argument] : tool.headers) {
    const auto value = headers.get("mcp-param-" + header);
    const auto given = arguments.is_object() ? arguments.find(argument) : arguments.end();
    const bool in_body = arguments.is_object() && given != arguments.end() && !given->is_null();
    if (!value && !in_body) continue;
    const std::string wanted = !in_body             ? std::string()
                               : given->is_string() ? given->get<std::string>()
                                                    : to_text(*given);
    if (!value || !in_body) return mismatch("Mcp-Param-" + header, in_body ? wanted : "nothing");
    ACLOUD_TRY(const std::string said, header_text(*value));
    if (said != wanted) return mismatch("Mcp-Param-" + header, wanted);
  }
  return {};
}

}  // namespace acloud::surfaces::mcp
