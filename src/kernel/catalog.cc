#include "kernel/catalog.h"

#include "base/encoding.h"

namespace acloud::kernel {

bool Operation::is_list() const {
  const auto properties = reply.find("properties");
  return properties != reply.end() && properties->contains("items") && properties->contains("next_cursor");
}

Result<const Operation*> Catalog::find(std::string_view full_name) const {
  const std::size_t dot = std::min(full_name.find('.'), full_name.size());
  const std::string_view product_name = full_name.substr(0, dot);
  const std::string_view name = full_name.substr(std::min(dot + 1, full_name.size()));
  for (const Product& product : products_) {
    if (product.name() != product_name) continue;
    for (const Operation& operation : product.operations()) {
      if (operation.name == name) return &operation;
    }
  }
  std::vector<std::string> names;
  for (const Product& product : products_) {
    for (const Operation& operation : product.operations()) names.push_back(operation.full_name());
  }
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::string meant = nearest(full_name, views);
  return fail(ErrorCode::not_found, "no operation {}; {}", to_valid_utf8(full_name.substr(0, 128)),
              meant.empty() ? "GET /api lists them all" : fmt::format("did you mean {}?", meant));
}

OrderedJson Catalog::describe(std::string_view version) const {
  OrderedJson products = OrderedJson::array();
  for (const Product& product : products_) {
    OrderedJson operations = OrderedJson::array();
    for (const Operation& operation : product.operations()) {
      OrderedJson examples = OrderedJson::array();
      for (const OperationExample& example : operation.examples) {
        examples.push_back(
            {{"summary", example.summary}, {"request", OrderedJson::parse(example.request_json)}});
      }
      OrderedJson entry = {{"name", operation.name},
                           {"summary", operation.summary},
                           {"description", operation.description},
                           {"effect", schema::Codec<Effect>::name(operation.effect)},
                           {"streams", operation.streams},
                           {"list", operation.is_list()}};
      if (operation.operator_only) entry["operator_only"] = true;
      if (!operation.body_in.empty()) entry["body_in"] = operation.body_in;
      if (!operation.body_out.empty()) entry["body_out"] = operation.body_out;
      entry["request"] = operation.request;
      entry["reply"] = operation.reply;
      entry["examples"] = std::move(examples);
      operations.push_back(std::move(entry));
    }
    products.push_back(
        {{"name", product.name()}, {"summary", product.summary()}, {"operations", std::move(operations)}});
  }
  return {{"version", version}, {"products", std::move(products)}};
}

}  // namespace acloud::kernel
