// A message of an outside server, and all that is made of it before it is in the catalog.
#include "fuzz.h"
#include "mcp/protocol.h"
#include "mcp/tool.h"

using namespace acloud::mcp;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = acloud::fuzz::text(data, size);
  const std::string plain = plain_text(text, 100);
  acloud::fuzz::require(plain.size() <= 100 && plain_text(plain, 100) == plain, "plain text stays as it is");
  std::string id;
  const auto message = parse_message(text, id);
  if (!message || message->kind != Message::Kind::response || message->result.is_null()) return 0;
  ToolList list("srv", {});
  if (!list.add(message->result)) return 0;
  std::set<std::string> names;
  for (const Tool& tool : list.finish()) {
    acloud::fuzz::require(names.insert(tool.operation).second, "no operation is there twice");
    acloud::fuzz::require(operation_name(tool.operation) == tool.operation,
                          "an operation's name maps to itself");
    acloud::fuzz::require(!tool.summary.empty() && !tool.summary.contains('\n'), "a summary is one line");
    acloud::fuzz::require(tool.request["properties"].is_object() && tool.request["required"].is_array(),
                          "a schema has the shape that surfaces read");
    for (const auto& [name, property] : tool.request["properties"].items())
      acloud::fuzz::require(property.is_object() && property.value("description", "").size() <= 1000,
                            "a property is an object with a text");
  }
  return 0;
}
