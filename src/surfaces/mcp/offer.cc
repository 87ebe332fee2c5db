#include "surfaces/mcp/offer.h"

namespace acloud::surfaces::mcp {

std::string text_content(std::string_view text) {
  std::string json = R"({"type":"text","text":)";
  json.reserve(json.size() + text.size() + text.size() / 8 + 8);
  append_json_string(json, text);
  return json += '}';
}

std::string text_result(std::string_view text, bool is_error) {
  return fmt::format(R"("content":[{}]{})", text_content(text), is_error ? R"(,"isError":true)" : "");
}

}  // namespace acloud::surfaces::mcp
