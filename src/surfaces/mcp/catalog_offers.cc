#include "surfaces/mcp/catalog_offers.h"

#include "surfaces/mcp/catalog_resources.h"
#include "surfaces/mcp/meta_tools.h"

namespace acloud::surfaces::mcp {
namespace {

constexpr std::size_t kCompletions = 100;

// What both kinds of address have in common.
class CatalogOffer : public Offer {
 public:
  CatalogOffer(kernel::CallPath& path, Clock& clock, Random& random, const Library* library,
               const kernel::Product* product)
      : path_(path), clock_(clock), calls_(path, random), resources_(path, clock, random, library, product) {
    if (library == nullptr) return;
    for (const Skill& skill : library->skills()) {
      if (product == nullptr || skill.product == product->name()) skills_.push_back(skill);
    }
  }

  Capabilities capabilities() const override { return {}; }
  std::vector<std::string> resources(const kernel::Caller&) const override { return resources_.list(); }
  std::vector<std::string> templates(const kernel::Caller& caller) const override {
    return resources_.templates(caller);
  }
  Task<Rpc<std::string>> read(Exchange& exchange, std::string uri) override {
    return resources_.read(exchange, std::move(uri));
  }
  std::vector<std::string> prompts() const override { return {}; }
  Task<Rpc<std::string>> prompt(Exchange&, std::string name, Json) override {
    co_return refuse(Code::invalid_params, "no prompt {}", to_text(Json(name.substr(0, 200))));
  }
  const std::vector<Skill>& skills() const override { return skills_; }

  Rpc<Completion> complete(const kernel::Caller& caller, const Json& ref, const std::string& argument,
                           const std::string& value) const override {
    if (ref.value("type", Json()) != "ref/resource" || !ref.contains("uri") || !ref["uri"].is_string())
      return refuse(Code::invalid_params, "ref: there is no such prompt or template");
    const auto* operation = resources_.find(caller, ref["uri"].get_ref<const std::string&>());
    if (operation == nullptr) return refuse(Code::invalid_params, "ref.uri: there is no such template");
    Completion completion;
    const auto field = operation->request["properties"].find(argument);
    if (field == operation->request["properties"].end() || !field->contains("enum")) return completion;
    for (const auto& known : (*field)["enum"]) {
      if (known.is_string()) offer_value(completion, known.get<std::string>(), value);
    }
    return completion;
  }

 protected:
  static void offer_value(Completion& completion, std::string known, std::string_view typed) {
    if (!known.starts_with(typed)) return;
    ++completion.total;
    if (completion.values.size() < kCompletions) completion.values.push_back(std::move(known));
  }

  kernel::CallPath& path_;
  Clock& clock_;
  CatalogCalls calls_;

 private:
  CatalogResources resources_;
  std::vector<Skill> skills_;
};

class ProductOffer final : public CatalogOffer {
 public:
  ProductOffer(kernel::CallPath& path, Clock& clock, Random& random, const Library* library,
               const kernel::Product& product)
      : CatalogOffer(path, clock, random, library, &product), instructions_(product.summary()) {
    for (const kernel::Operation& operation : product.operations())
      entries_.push_back({&operation, tool_of(operation)});
  }

  const std::string& instructions() const override { return instructions_; }

  std::vector<const Tool*> tools(const kernel::Caller& caller) const override {
    const Time now = clock_.now();
    std::vector<const Tool*> shown;
    for (const Entry& entry : entries_) {
      if (shown_to(caller, *entry.operation, now)) shown.push_back(&entry.tool);
    }
    return shown;
  }

  const Tool* find_tool(const kernel::Caller& caller, std::string_view name) const override {
    for (const Entry& entry : entries_) {
      const bool meant = entry.tool.name == name || entry.operation->full_name() == name;
      if (meant && shown_to(caller, *entry.operation, clock_.now())) return &entry.tool;
    }
    return nullptr;
  }

  Task<Rpc<std::string>> call(Exchange& exchange, const Tool& tool, Json arguments) override {
    const auto entry = std::ranges::find(entries_, &tool, [](const Entry& each) { return &each.tool; });
    co_return co_await calls_.call(exchange, entry->operation->full_name(), std::move(arguments), {});
  }

 private:
  struct Entry {
    const kernel::Operation* operation;
    Tool tool;
  };
  std::vector<Entry> entries_;
  std::string instructions_;
};

class WholeOffer final : public CatalogOffer {
 public:
  WholeOffer(kernel::CallPath& path, Clock& clock, Random& random, const Library* library)
      : CatalogOffer(path, clock, random, library, nullptr), tools_(path, clock, random, library) {}

  const std::string& instructions() const override {
    static const std::string text =
        "A whole cloud behind five tools. search says which operations do what you want, describe how one is "
        "called, call and call_many call them, read_docs explains. /mcp/<product> at the same host has a "
        "product's operations as tools of their own.";
    return text;
  }
  std::vector<const Tool*> tools(const kernel::Caller&) const override { return tools_.list(); }
  const Tool* find_tool(const kernel::Caller&, std::string_view name) const override {
    return tools_.find(name);
  }
  Task<Rpc<std::string>> call(Exchange& exchange, const Tool& tool, Json arguments) override {
    co_return co_await tools_.call(exchange, tool, std::move(arguments));
  }

  std::vector<std::string> prompts() const override {
    const OrderedJson use{
        {"name", "use"},
        {"description", "How to use one of the cloud's products."},
        {"arguments", {{{"name", "product"}, {"description", "Its name."}, {"required", true}}}}};
    const OrderedJson plan{
        {"name", "plan"},
        {"description", "Which operations a goal needs, and how they are called."},
        {"arguments", {{{"name", "goal"}, {"description", "In plain words."}, {"required", true}}}}};
    return {use.dump(), plan.dump()};
  }

  Task<Rpc<std::string>> prompt(Exchange& exchange, std::string name, Json arguments) override {
    const std::string argument = name == "use" ? "product" : "goal";
    if (name != "use" && name != "plan")
      co_return refuse(Code::invalid_params, "no prompt {}", to_text(Json(name.substr(0, 200))));
    if (!arguments.contains(argument))
      co_return refuse(Code::invalid_params, "arguments.{}: is missing", argument);
    const std::string given = arguments[argument].get<std::string>();
    std::string text;
    if (name == "use") {
      const auto product =
          std::ranges::find(path_.catalog().products(), given, [](const auto& each) { return each.name(); });
      if (product == path_.catalog().products().end())
        co_return refuse(Code::invalid_params, "arguments.product: no product {}",
                         to_text(Json(given.substr(0, 200))));
      text = tools_.manual(exchange.caller(), *product);
    } else {
      text = tools_.plan(exchange.caller(), given);
    }
    co_return fmt::format(R"("messages":[{{"role":"user","content":{}}}])", text_content(text));
  }

  Rpc<Completion> complete(const kernel::Caller& caller, const Json& ref, const std::string& argument,
                           const std::string& value) const override {
    if (ref.value("type", Json()) != "ref/prompt")
      return CatalogOffer::complete(caller, ref, argument, value);
    Completion completion;
    const Json name = ref.value("name", Json());
    if (name != "use" && name != "plan")
      return refuse(Code::invalid_params, "ref.name: there is no such prompt");
    if (name != "use" || argument != "product") return completion;
    for (const kernel::Product& product : path_.catalog().products())
      offer_value(completion, product.name(), value);
    return completion;
  }

 private:
  MetaTools tools_;
};

}  // namespace

std::unique_ptr<Offer> CatalogOffers::whole() const {
  return std::make_unique<WholeOffer>(path_, clock_, random_, library_);
}

std::unique_ptr<Offer> CatalogOffers::product(const kernel::Product& product) const {
  return std::make_unique<ProductOffer>(path_, clock_, random_, library_, product);
}

}  // namespace acloud::surfaces::mcp
