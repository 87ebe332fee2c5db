#include "cli/catalog.h"

#include "base/json_text.h"
#include "cli/names.h"

namespace acloud::cli {
namespace {

bool flag_at(const OrderedJson& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

OrderedJson object_at(const OrderedJson& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_object() ? *found : OrderedJson::object();
}

OrderedJson array_at(const OrderedJson& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_array() ? *found : OrderedJson::array();
}

std::optional<std::string> name_at(const OrderedJson& object, const char* name) {
  std::string text = text_at(object, name);
  return text.empty() ? std::nullopt : std::optional(std::move(text));
}

Operation operation_of(const OrderedJson& entry, const std::string& product) {
  Operation operation{.product = product,
                      .name = text_at(entry, "name"),
                      .summary = text_at(entry, "summary"),
                      .description = text_at(entry, "description"),
                      .effect = text_at(entry, "effect"),
                      .request = object_at(entry, "request"),
                      .reply = object_at(entry, "reply"),
                      .streams = flag_at(entry, "streams"),
                      .keyless = flag_at(entry, "keyless"),
                      .list = flag_at(entry, "list"),
                      .body_in = name_at(entry, "body_in"),
                      .body_out = name_at(entry, "body_out"),
                      .examples = {}};
  for (const OrderedJson& example : array_at(entry, "examples")) {
    if (example.is_object())
      operation.examples.push_back({text_at(example, "summary"), object_at(example, "request")});
  }
  return operation;
}

// The first of `items` whose name is `name`, by either spelling.
template <class Item>
const Item* find_named(const std::vector<Item>& items, std::string_view name) {
  const auto found =
      std::ranges::find(items, canonical(name), [](const Item& item) { return canonical(item.name); });
  return found == items.end() ? nullptr : &*found;
}

template <class Item>
std::vector<std::string> names_of(const std::vector<Item>& items) {
  std::vector<std::string> names;
  names.reserve(items.size());
  for (const Item& item : items) names.push_back(shown(item.name));
  return names;
}

}  // namespace

std::string Operation::command() const { return fmt::format("{} {}", shown(product), shown(name)); }

const Operation* Product::find(std::string_view operation) const { return find_named(operations, operation); }
std::vector<std::string> Product::names() const { return names_of(operations); }
const Product* Catalog::find(std::string_view product) const { return find_named(products, product); }
std::vector<std::string> Catalog::names() const { return names_of(products); }

Result<Catalog> parse_catalog(std::string_view document) {
  // parse_json bounds depth and refuses what is malformed; its values don't keep the order of names.
  if (const auto checked = parse_json(document); !checked) {
    return fail(ErrorCode::unavailable, "the server's catalog is not JSON: {}", checked.error().message());
  }
  const auto json = OrderedJson::parse(document, nullptr, false);
  if (!json.is_object() || !json.contains("products")) {
    return fail(ErrorCode::unavailable, "the server's catalog has no products; is it an acloud server?");
  }
  Catalog catalog{.version = text_at(json, "version"), .products = {}, .left_out = {}};
  const OrderedJson left_out = object_at(json, "left_out");
  for (const auto& [name, why] : left_out.items()) catalog.left_out[name] = text_at(left_out, name.c_str());
  for (const OrderedJson& entry : array_at(json, "products")) {
    if (!entry.is_object() || text_at(entry, "name").empty()) continue;
    Product product{text_at(entry, "name"), text_at(entry, "summary"), {}};
    for (const OrderedJson& operation : array_at(entry, "operations")) {
      if (operation.is_object() && !text_at(operation, "name").empty()) {
        product.operations.push_back(operation_of(operation, product.name));
      }
    }
    catalog.products.push_back(std::move(product));
  }
  return catalog;
}

}  // namespace acloud::cli
