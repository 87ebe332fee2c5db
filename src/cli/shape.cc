#include "cli/shape.h"

#include <fmt/ranges.h>

#include <charconv>

#include "base/encoding.h"
#include "cli/names.h"

namespace acloud::cli {
namespace {

// Schemas refer to one another, perhaps in a circle.
constexpr int kMaxDepth = 16;

// What "#/$defs/limits" refers to; null where it leads nowhere or out of the document.
const OrderedJson* referred(const OrderedJson& schema, const OrderedJson& root) {
  const auto reference = schema.find("$ref");
  if (reference == schema.end() || !reference->is_string()) return nullptr;
  const std::string text = reference->get<std::string>();
  if (!text.starts_with("#/")) return nullptr;
  try {
    return &root.at(OrderedJson::json_pointer(text.substr(1)));
  } catch (const OrderedJson::exception&) {
    return nullptr;
  }
}

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Shape Shape::of(const OrderedJson& schema, const OrderedJson& root) {
  Shape shape;
  shape.root_ = &root;
  shape.add(schema, 0);
  return shape;
}

void Shape::add(const OrderedJson& schema, int depth) {
  if (!schema.is_object() || depth > kMaxDepth) return;
  if (const OrderedJson* target = referred(schema, *root_)) add(*target, depth + 1);
  for (const char* combination : {"anyOf", "oneOf", "allOf"}) {
    if (const auto parts = schema.find(combination); parts != schema.end() && parts->is_array()) {
      for (const OrderedJson& part : *parts) add(part, depth + 1);
    }
  }
  if (const auto type = schema.find("type"); type != schema.end()) {
    if (type->is_string()) add_type(type->get<std::string>());
    if (type->is_array()) {
      for (const OrderedJson& one : *type) {
        if (one.is_string()) add_type(one.get<std::string>());
      }
    }
  }
  if (const auto choices = schema.find("enum"); choices != schema.end() && choices->is_array()) {
    for (const OrderedJson& choice : *choices) {
      if (choice.is_string()) choices_.push_back(choice.get<std::string>());
    }
    if (!choices_.empty()) text_ = true;
  }
  if (const auto properties = schema.find("properties");
      properties != schema.end() && properties->is_object()) {
    properties_.push_back(&*properties);
    object_ = true;
  }
  if (const auto values = schema.find("additionalProperties");
      values != schema.end() && values->is_object()) {
    free_values_ = &*values;
  }
  if (const auto elements = schema.find("items"); elements != schema.end()) elements_ = &*elements;
}

void Shape::add_type(std::string_view type) {
  text_ |= type == "string";
  integer_ |= type == "integer";
  number_ |= type == "number";
  boolean_ |= type == "boolean";
  object_ |= type == "object";
  array_ |= type == "array";
}

bool Shape::has_plain_elements() const {
  if (!elements_) return false;
  const Shape element = of(*elements_, *root_);
  return !element.object_ && !element.array_ && !element.says_nothing();
}

std::vector<Shape::Property> Shape::properties() const {
  std::vector<Property> all;
  for (const OrderedJson* part : properties_) {
    for (const auto& [name, schema] : part->items()) all.push_back({name, &schema});
  }
  return all;
}

Shape::Property Shape::property(std::string_view typed) const {
  for (Property& property : properties()) {
    if (canonical(property.name) == canonical(typed)) return property;
  }
  return {};
}

std::string Shape::placeholder() const {
  if (!choices_.empty() && choices_.size() <= 6) return fmt::format("{}", fmt::join(choices_, "|"));
  if (array_ && !text_ && has_plain_elements()) return of(*elements_, *root_).placeholder();
  if (text_) return "TEXT";
  if (integer_) return "INTEGER";
  if (number_) return "NUMBER";
  if (boolean_) return "true|false";
  return "JSON";
}

Result<OrderedJson> Shape::convert(std::string_view text) const {
  if (integer_) {
    if (const auto value = number_of<std::int64_t>(text)) return *value;
  }
  if (number_) {
    if (const auto value = number_of<double>(text)) return *value;
  }
  if (boolean_ && (text == "true" || text == "false")) return text == "true";
  const bool anything = says_nothing();
  const bool json_begins = text.starts_with('{') || text.starts_with('[');
  if (anything || ((object_ || array_) && (json_begins || !text_))) {
    const auto checked = parse_json(text);
    if (checked && (anything || (object_ && checked->is_object()) || (array_ && checked->is_array()))) {
      return OrderedJson::parse(text, nullptr, false);
    }
    if (!text_ && !anything) {
      const std::string_view wanted = object_ && array_ ? "a JSON object or array"
                                      : object_         ? "a JSON object"
                                                        : "a JSON array";
      return fail(ErrorCode::invalid_argument, "takes {}, or @FILE with one: {}", wanted,
                  checked ? fmt::format("\"{}\" is none", text) : checked.error().message());
    }
  }
  if (!text_ && !anything) {
    const std::string_view wanted = integer_ ? "an integer" : number_ ? "a number" : "true or false";
    return fail(ErrorCode::invalid_argument, "takes {}, not \"{}\"", wanted, text);
  }
  if (!choices_.empty() && std::ranges::find(choices_, text) == choices_.end()) {
    return fail(ErrorCode::invalid_argument, "takes one of {}, not \"{}\"", fmt::join(choices_, ", "), text);
  }
  if (!is_utf8(text)) return fail(ErrorCode::invalid_argument, "takes text in UTF-8");
  return std::string(text);
}

}  // namespace acloud::cli
