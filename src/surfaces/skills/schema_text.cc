#include "surfaces/skills/schema_text.h"

namespace acloud::surfaces::skills {
namespace {

constexpr int kDepthMost = 2;

std::string type_of(const OrderedJson& schema) {
  if (schema.contains("const")) return schema["const"].dump();
  if (schema.contains("enum")) {
    std::string names;
    for (const auto& each : schema["enum"]) names += (names.empty() ? "" : " or ") + each.dump();
    return names;
  }
  for (const char* several : {"anyOf", "oneOf"}) {
    if (!schema.contains(several)) continue;
    std::string names;
    for (const auto& each : schema[several]) names += (names.empty() ? "" : " or ") + type_of(each);
    return names;
  }
  if (!schema.contains("type")) return "any JSON";
  const OrderedJson& type = schema["type"];
  if (type.is_array()) {
    std::string names;
    for (const auto& each : type) names += (names.empty() ? "" : " or ") + each.get<std::string>();
    return names;
  }
  if (type == "array") return "list of " + (schema.contains("items") ? type_of(schema["items"]) : "any JSON");
  return type.get<std::string>();
}

std::string bounds_of(const OrderedJson& schema) {
  std::string text;
  const auto add = [&](const char* key, const char* word) {
    if (schema.contains(key)) text += fmt::format(", {} {}", word, schema[key].dump());
  };
  add("minimum", "at least");
  add("maximum", "at most");
  if (schema.contains("default") && !schema["default"].is_null()) {
    const std::string value = schema["default"].dump();
    const bool empty = value == "\"\"" || value == "[]" || value == "{}";
    if (!empty) text += ", default " + value;
  }
  return text;
}

// The object whose fields are to be listed under `schema`, or null.
const OrderedJson* object_in(const OrderedJson& schema) {
  if (schema.contains("properties")) return &schema;
  if (schema.contains("items")) return object_in(schema["items"]);
  return nullptr;
}

}  // namespace

std::string fields_of(const OrderedJson& schema, int depth) {
  std::string text;
  const auto properties = schema.find("properties");
  if (properties == schema.end()) return text;
  const OrderedJson required = schema.value("required", OrderedJson::array());
  for (const auto& [name, field] : properties->items()) {
    const bool must = std::ranges::find(required, OrderedJson(name)) != required.end();
    text += fmt::format("{:{}}- `{}` ({}{}{}): {}\n", "", depth * 2, name, type_of(field), bounds_of(field),
                        must ? ", required" : "", field.value("description", ""));
    const OrderedJson* inner = object_in(field);
    if (inner != nullptr && depth < kDepthMost) text += fields_of(*inner, depth + 1);
  }
  return text;
}

}  // namespace acloud::surfaces::skills
