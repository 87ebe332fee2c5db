#include "surfaces/mcp/headers.h"

#include "base/encoding.h"
#include "net/text.h"

namespace acloud::surfaces::mcp {
namespace {

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
