#include "mcp/tool.h"

#include <map>

#include "base/encoding.h"
#include "kernel/grant.h"

namespace acloud::mcp {
namespace {

constexpr std::size_t kToolNameBytes = 128;
constexpr std::size_t kSummaryBytes = 200;
constexpr std::size_t kDescriptionBytes = 4096;
constexpr std::size_t kFieldTextBytes = 1000;

// The code point at `at` of valid UTF-8, and how many bytes it has.
std::pair<std::uint32_t, std::size_t> code_point(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  std::uint32_t point = first & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) point = point << 6U | (byte(i) & 0x3fU);
  return {point, size};
}

// Commands to a terminal, changes of direction, and letters that nobody sees.
bool is_hidden(std::uint32_t point) {
  return (point < 0x20 && point != '\n' && point != '\t') || (point >= 0x7f && point < 0xa0) ||
         (point >= 0x200b && point <= 0x200f) || (point >= 0x202a && point <= 0x202e) ||
         (point >= 0x2060 && point <= 0x206f) || point == 0xfeff || (point >= 0xe0000 && point <= 0xe0fff);
}

std::size_t depth_of(const Json& value, std::size_t limit) {
  if (!value.is_structured() || limit == 0) return 1;
  std::size_t deepest = 0;
  for (const Json& part : value) deepest = std::max(deepest, depth_of(part, limit - 1));
  return deepest + 1;
}

// The texts of a schema that people and models read, wherever they stand.
void clean_texts(OrderedJson& schema) {
  if (schema.is_object()) {
    for (const char* name : {"title", "description"}) {
      const auto text = schema.find(name);
      if (text != schema.end() && text->is_string())
        *text = plain_text(text->get_ref<const std::string&>(), kFieldTextBytes);
    }
  }
  if (!schema.is_structured()) return;
  for (OrderedJson& part : schema) clean_texts(part);
}

// A property's schema, as surfaces read it: an object whose description is text and whose enum is a list.
void clean_property(OrderedJson& property) {
  if (!property.is_object()) property = OrderedJson::object();
  const auto drop_unless = [&property](const char* name, auto fits) {
    if (const auto found = property.find(name); found != property.end() && !fits(*found))
      property.erase(name);
  };
  drop_unless("description", [](const OrderedJson& value) { return value.is_string(); });
  drop_unless("enum", [](const OrderedJson& value) { return value.is_array(); });
  drop_unless("type", [](const OrderedJson& value) { return value.is_string() || value.is_array(); });
}

// Errors: invalid_argument, in words that go after the tool's name.
Result<OrderedJson> object_schema(const Json& given, std::string_view which) {
  const auto wrong = [which](std::string_view why) {
    return fail(ErrorCode::invalid_argument, "{}: {}", which, why);
  };
  if (!given.is_object()) return wrong("is no JSON Schema of an object");
  const std::string text = to_text(given);
  if (text.size() > ToolList::kSchemaBytes)
    return wrong(fmt::format("{} bytes are more than {}", text.size(), ToolList::kSchemaBytes));
  if (depth_of(given, ToolList::kDepth + 1) > ToolList::kDepth)
    return wrong(fmt::format("is nested deeper than {}", ToolList::kDepth));
  OrderedJson schema = OrderedJson(given);
  if (const auto type = schema.find("type"); type != schema.end() && *type != "object")
    return wrong("its type is not object");
  schema["type"] = "object";
  clean_texts(schema);
  OrderedJson& properties = schema["properties"];
  if (properties.is_null()) properties = OrderedJson::object();
  if (!properties.is_object()) return wrong("its properties are no object");
  if (properties.size() > ToolList::kProperties)
    return wrong(fmt::format("has {} properties, more than {}", properties.size(), ToolList::kProperties));
  for (auto& [name, property] : properties.items()) {
    if (name.empty() || name.size() > kToolNameBytes || plain_text(name, kToolNameBytes) != name)
      return wrong("a property's name is empty, too long or has characters that are not shown");
    clean_property(property);
  }
  OrderedJson required = OrderedJson::array();
  if (const auto names = schema.find("required"); names != schema.end() && names->is_array()) {
    for (const OrderedJson& name : *names) {
      if (name.is_string() && properties.contains(name.get_ref<const std::string&>()))
        required.push_back(name);
    }
  }
  schema["required"] = std::move(required);
  return schema;
}

bool hint(const Json& annotations, const char* name, bool otherwise) {
  const auto found = annotations.find(name);
  return found != annotations.end() && found->is_boolean() ? found->get<bool>() : otherwise;
}

std::string text_at(const Json& entry, const char* name, std::size_t bytes) {
  const auto found = entry.find(name);
  if (found == entry.end() || !found->is_string()) return "";
  return plain_text(found->get_ref<const std::string&>(), bytes);
}

// The first line or sentence is the summary, what follows the description.
void split_description(const std::string& text, Tool& tool) {
  std::size_t end = text.find('\n');
  if (const std::size_t stop = text.find(". "); stop != text.npos) end = std::min(end, stop + 1);
  tool.summary = plain_text(std::string_view(text).substr(0, end), kSummaryBytes);
  std::ranges::replace(tool.summary, '\t', ' ');
  const std::size_t rest = tool.summary.size() < std::min(end, text.size()) ? 0 : std::min(end, text.size());
  const std::size_t begin = text.find_first_not_of(" \n\t", rest);
  if (begin != text.npos) tool.description = text.substr(begin);
}

void find_headers(Tool& tool) {
  for (const auto& [name, property] : tool.request["properties"].items()) {
    const auto header = property.find("x-mcp-header");
    if (header == property.end() || !header->is_string()) continue;
    const std::string& text = header->get_ref<const std::string&>();
    const bool token = !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '-' || c == '_';
    });
    if (token) tool.headers.emplace_back(text, name);
  }
}

}  // namespace

std::string operation_name(std::string_view tool) {
  const auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  std::string name;
  for (std::size_t i = 0; i < tool.size(); ++i) {
    const char c = tool[i];
    const bool word = lower(c) || upper(c) || digit(c);
    const bool begins = upper(c) && i != 0 && (lower(tool[i - 1]) || digit(tool[i - 1]));
    if ((!word || begins) && !name.empty() && name.back() != '_') name += '_';
    if (word) name += upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
  }
  if (!name.empty() && name.back() == '_') name.pop_back();
  if (!name.empty() && digit(name.front())) name.insert(0, "tool_");
  return name;
}

std::string plain_text(std::string_view text, std::size_t bytes) {
  const std::string valid = to_valid_utf8(text.substr(0, bytes * 4));
  std::string plain;
  for (std::size_t at = 0; at < valid.size();) {
    const auto [point, size] = code_point(valid, at);
    if (!is_hidden(point)) {
      if (plain.size() + size > bytes) break;
      plain.append(valid, at, size);
    }
    at += size;
  }
  return plain;
}

void ToolList::refuse(std::string_view tool, std::string reason) {
  if (refused_.size() < kRefused) refused_.push_back({plain_text(tool, kToolNameBytes), std::move(reason)});
}

Result<Tool> ToolList::read(const Json& entry) {
  const auto wrong = [](std::string message) {
    return std::unexpected(Error(ErrorCode::invalid_argument, std::move(message)));
  };
  Tool tool;
  tool.name = entry["name"].get<std::string>();
  if (tool.name.empty() || tool.name.size() > kToolNameBytes)
    return wrong(fmt::format("its name must have 1 to {} bytes", kToolNameBytes));
  tool.operation = operation_name(tool.name);
  if (tool.operation.empty()) return wrong("its name has no letter or digit of ASCII");
  if (server_.size() + 1 + tool.operation.size() > kOperationBytes)
    return wrong(fmt::format("{}_{} is longer than {} bytes", server_, tool.operation, kOperationBytes));
  split_description(text_at(entry, "description", kDescriptionBytes), tool);
  if (tool.summary.empty()) tool.summary = text_at(entry, "title", kSummaryBytes);
  if (tool.summary.empty())
    tool.summary = fmt::format("Tool {} of {}.", plain_text(tool.name, kToolNameBytes), server_);
  std::ranges::replace(tool.summary, '\n', ' ');
  ACLOUD_TRY(tool.request, object_schema(entry.value("inputSchema", Json()), "inputSchema"));
  if (entry.contains("outputSchema")) {
    ACLOUD_TRY(tool.reply, object_schema(entry["outputSchema"], "outputSchema"));
  }
  if (const auto annotations = entry.find("annotations");
      annotations != entry.end() && annotations->is_object()) {
    tool.read_only = hint(*annotations, "readOnlyHint", false);
    tool.destructive = hint(*annotations, "destructiveHint", true);
    tool.open_world = hint(*annotations, "openWorldHint", true);
  }
  find_headers(tool);
  return tool;
}

Result<> ToolList::add(const Json& result) {
  const auto list = result.find("tools");
  if (list == result.end() || !list->is_array())
    return fail(ErrorCode::unavailable, "its tools/list gives no list of tools");
  for (const Json& entry : *list) {
    if (!entry.is_object() || !entry.contains("name") || !entry["name"].is_string()) {
      refuse("?", "it has no name");
      continue;
    }
    const std::string& name = entry["name"].get_ref<const std::string&>();
    const bool wanted =
        patterns_.empty() || std::ranges::any_of(patterns_, [&name](const std::string& pattern) {
          return kernel::matches(pattern, name);
        });
    if (!wanted) continue;
    if (++seen_ > kTools) {
      if (seen_ == kTools + 1)
        refuse(name, fmt::format("a server may have {} tools; this and those after it "
                                 "are left out",
                                 kTools));
      continue;
    }
    auto tool = read(entry);
    if (!tool) {
      refuse(name, tool.error().message());
      continue;
    }
    const std::size_t size = tool->request.dump().size() + tool->description.size() +
                             (tool->reply.is_null() ? 0 : tool->reply.dump().size());
    if (bytes_ + size > kBytes) {
      refuse(name, fmt::format("the tools' schemas together are more than {} bytes", kBytes));
      continue;
    }
    bytes_ += size;
    tools_.push_back(*std::move(tool));
  }
  return {};
}

std::vector<Tool> ToolList::finish() {
  std::map<std::string, std::size_t, std::less<>> uses;
  for (const Tool& tool : tools_) ++uses[tool.operation];
  std::vector<Tool> taken;
  for (Tool& tool : tools_) {
    if (uses[tool.operation] == 1) {
      taken.push_back(std::move(tool));
    } else {
      refuse(tool.name, fmt::format("{} tools would be {}.{}; choose one with tools = [...]",
                                    uses[tool.operation], server_, tool.operation));
    }
  }
  tools_.clear();
  return taken;
}

}  // namespace acloud::mcp
