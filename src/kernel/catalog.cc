#include "kernel/catalog.h"

#include "base/encoding.h"

namespace acloud::kernel {
namespace {

// A mistyped name is compared with this many at most: others bring as many as they like.
constexpr std::size_t kCompared = 1000;

}  // namespace

bool Operation::is_list() const {
  const auto properties = reply().find("properties");
  return properties != reply().end() && properties->contains("items") && properties->contains("next_cursor");
}

void Catalog::put(std::shared_ptr<const Product> product) {
  const std::scoped_lock lock(mutex_);
  const auto place =
      std::ranges::find_if(put_, [&](const auto& each) { return each->name() == product->name(); });
  if (place == put_.end()) {
    put_.push_back(std::move(product));
  } else {
    *place = std::move(product);
  }
  version_.fetch_add(1, std::memory_order_release);
}

bool Catalog::is_declared(std::string_view product) const {
  return std::ranges::any_of(declared_, [&](const Product& each) { return each.name() == product; });
}

Catalog::Products Catalog::products() const {
  Products all;
  const std::scoped_lock lock(mutex_);
  all.reserve(declared_.size() + put_.size());
  for (const Product& product : declared_) all.emplace_back(std::shared_ptr<void>(), &product);
  all.insert(all.end(), put_.begin(), put_.end());
  return all;
}

Result<std::shared_ptr<const Operation>> Catalog::find(std::string_view full_name) const {
  const std::size_t dot = std::min(full_name.find('.'), full_name.size());
  const std::string_view product_name = full_name.substr(0, dot);
  const std::string_view name = full_name.substr(std::min(dot + 1, full_name.size()));
  const auto in = [&](const Product& product) -> const Operation* {
    if (product.name() != product_name) return nullptr;
    const auto found = std::ranges::find(product.operations(), name, &Operation::name);
    return found == product.operations().end() ? nullptr : &*found;
  };
  for (const Product& product : declared_) {
    if (const Operation* found = in(product))
      return std::shared_ptr<const Operation>(std::shared_ptr<void>(), found);
  }
  const Products all = products();
  for (const auto& product : all) {
    if (const Operation* found = in(*product)) return std::shared_ptr<const Operation>(product, found);
  }
  if (const auto left_out = left_out_.find(full_name); left_out != left_out_.end())
    return fail(ErrorCode::permission_denied, "{}", left_out->second);
  std::vector<std::string> names;
  for (const auto& product : all) {
    for (const Operation& operation : product->operations()) {
      if (names.size() < kCompared) names.push_back(operation.full_name());
    }
  }
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::string meant = nearest(full_name, views);
  return fail(ErrorCode::not_found, "no operation {}; {}", to_valid_utf8(full_name.substr(0, 128)),
              meant.empty() ? "GET /api lists them all" : fmt::format("did you mean {}?", meant));
}

OrderedJson Catalog::describe(std::string_view version) const {
  OrderedJson products = OrderedJson::array();
  for (const auto& product : this->products()) {
    OrderedJson operations = OrderedJson::array();
    for (const Operation& operation : product->operations()) {
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
      if (operation.keyless) entry["keyless"] = true;
      if (!operation.body_in.empty()) entry["body_in"] = operation.body_in;
      if (!operation.body_out.empty()) entry["body_out"] = operation.body_out;
      entry["request"] = operation.request();
      entry["reply"] = operation.reply();
      entry["examples"] = std::move(examples);
      operations.push_back(std::move(entry));
    }
    products.push_back(
        {{"name", product->name()}, {"summary", product->summary()}, {"operations", std::move(operations)}});
  }
  OrderedJson described = {{"version", version}, {"products", std::move(products)}};
  for (const auto& [name, why] : left_out_) described["left_out"][name] = why;
  return described;
}

}  // namespace acloud::kernel
