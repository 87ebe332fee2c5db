#include "surfaces/mcp/catalog_offers.h"

#include <mutex>

#include "base/lazy.h"
#include "surfaces/mcp/catalog_resources.h"
#include "surfaces/mcp/catalog_tasks.h"
#include "surfaces/mcp/meta_tools.h"

namespace acloud::surfaces::mcp {
namespace {

// Those of one product; of all where its name is "".
std::vector<Skill> skills_about(const Library* library, const std::string& product) {
  std::vector<Skill> skills;
  if (library == nullptr) return skills;
  for (const Skill& skill : library->skills()) {
    if (product.empty() || skill.product == product) skills.push_back(skill);
  }
  return skills;
}

// What both kinds of address have in common.
class CatalogOffer : public Offer {
 public:
  CatalogOffer(kernel::CallPath& path, Clock& clock, Random& random, const Library* library,
               const std::string& product)
      : path_(path),
        clock_(clock),
        calls_(path, random),
        tasks_(path, calls_, product),
        resources_(path, clock, random, library, product),
        skills_([library, product] { return skills_about(library, product); }) {}

  Capabilities capabilities() const override { return {.resources_change = resources_.has_logs()}; }
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
  const std::vector<Skill>& skills() const override { return skills_(); }

  Task<Rpc<Completion>> complete(Exchange& exchange, Completing what) override {
    if (what.ref.value("type", Json()) != "ref/resource" || !what.ref.contains("uri") ||
        !what.ref["uri"].is_string())
      co_return refuse(Code::invalid_params, "ref: there is no such prompt or template");
    const auto operation = resources_.find(exchange.caller(), what.ref["uri"].get_ref<const std::string&>());
    if (operation == nullptr) co_return refuse(Code::invalid_params, "ref.uri: there is no such template");
    co_return co_await resources_.complete(exchange, *operation, std::move(what.argument),
                                           std::move(what.typed), std::move(what.known));
  }

  bool starts(const Tool& tool, const Json& arguments) const override {
    return starter(tool, arguments).has_value();
  }
  Task<Rpc<Answer>> start(Exchange& exchange, const Tool& tool, Json arguments) override {
    auto call = starter(tool, arguments);
    co_return co_await tasks_.start(exchange, *call->operation, std::move(call->arguments),
                                    std::move(call->options));
  }
  Task<Rpc<Answer>> task(Exchange& exchange, std::string method, std::string id) override {
    return tasks_.answer(exchange, std::move(method), std::move(id));
  }

  bool can_follow(const kernel::Caller& caller, std::string_view uri) const override {
    return resources_.can_follow(caller, uri);
  }
  Task<> follow(kernel::Caller caller, std::string uri, std::function<void()> changed) override {
    return resources_.follow(std::move(caller), std::move(uri), std::move(changed));
  }

 protected:
  // What a call of a tool is a call of; nothing where it is none, or none that can be made.
  struct Meant {
    std::shared_ptr<const kernel::Operation> operation;
    Json arguments;
    CatalogCalls::Options options;
  };
  virtual std::optional<Meant> meant(const Tool& tool, const Json& arguments) const = 0;
  // The same, where it starts something.
  std::optional<Meant> starter(const Tool& tool, const Json& arguments) const {
    auto call = meant(tool, arguments);
    if (call && (!call->operation->starts || call->options.dry_run)) call.reset();
    return call;
  }

  kernel::CallPath& path_;
  Clock& clock_;
  CatalogCalls calls_;
  CatalogTasks tasks_;

 private:
  CatalogResources resources_;
  Lazy<std::vector<Skill>> skills_;
};

// A product's operations as tools, in the shape that they have now.
class ProductOffer final : public CatalogOffer {
 public:
  ProductOffer(kernel::CallPath& path, Clock& clock, Random& random, const Library* library,
               const kernel::Product& product)
      : CatalogOffer(path, clock, random, library, product.name()),
        name_(product.name()),
        changes_(!path.catalog().is_declared(name_)),
        instructions_(product.summary()) {}

  const std::string& instructions() const override { return instructions_; }
  Capabilities capabilities() const override { return {.lists_change = changes_}; }

  std::vector<std::shared_ptr<const Tool>> tools(const kernel::Caller& caller) const override {
    const Time now = clock_.now();
    const auto list = this->list();
    std::vector<std::shared_ptr<const Tool>> shown;
    for (const Entry& entry : list->entries) {
      if (shown_to(caller, *entry.operation, now)) shown.emplace_back(list, &entry.tool);
    }
    return shown;
  }

  std::shared_ptr<const Tool> find_tool(const kernel::Caller& caller, std::string_view name) const override {
    const auto list = this->list();
    for (const Entry& entry : list->entries) {
      const bool meant = entry.tool.name == name || entry.operation->full_name() == name;
      if (meant && shown_to(caller, *entry.operation, clock_.now())) return {list, &entry.tool};
    }
    return nullptr;
  }

  Task<Rpc<std::string>> call(Exchange& exchange, const Tool& tool, Json arguments) override {
    std::string name = operation_of(tool);
    const auto operation = path_.catalog().find(name);
    if (operation && CatalogTasks::stays(exchange.client(), **operation, arguments))
      co_return co_await tasks_.stay(exchange, **operation, std::move(arguments), {});
    co_return co_await calls_.call(exchange, std::move(name), std::move(arguments), {});
  }

 protected:
  std::optional<Meant> meant(const Tool& tool, const Json& arguments) const override {
    auto operation = path_.catalog().find(operation_of(tool));
    if (!operation) return std::nullopt;
    return Meant{.operation = *std::move(operation), .arguments = arguments, .options = {}};
  }

 private:
  struct Entry {
    const kernel::Operation* operation;
    Tool tool;
  };
  struct List {
    std::shared_ptr<const kernel::Product> product;  // shared: it is as old as the list
    std::vector<Entry> entries;
  };

  std::string operation_of(const Tool& tool) const {
    return fmt::format("{}.{}", name_, std::string_view(tool.name).substr(name_.size() + 1));
  }

  std::shared_ptr<const List> list() const {
    const std::uint64_t version = path_.catalog().version();
    const std::scoped_lock lock(mutex_);
    if (list_ != nullptr && version == listed_) return list_;
    listed_ = version;
    for (auto& product : path_.catalog().products()) {
      if (product->name() != name_ || (list_ != nullptr && list_->product == product)) continue;
      auto list = std::make_shared<List>();
      for (const kernel::Operation& operation : product->operations())
        list->entries.push_back({&operation, tool_of(operation)});
      list->product = std::move(product);
      list_ = std::move(list);
    }
    return list_;
  }

  const std::string name_;
  const bool changes_;
  const std::string instructions_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const List> list_;  // shared with the tools that were given out
  mutable std::uint64_t listed_ = 0;          // the catalog's version that it is of
};

class WholeOffer final : public CatalogOffer {
 public:
  WholeOffer(kernel::CallPath& path, Clock& clock, Random& random, const Library* library)
      : CatalogOffer(path, clock, random, library, ""),
        tools_(path, clock, random, library),
        instructions_(instructions(path.catalog())) {}

  const std::string& instructions() const override { return instructions_; }
  static std::string instructions(const kernel::Catalog& catalog) {
    std::string text =
        "A whole cloud behind five tools. search says which operations do what you want, describe how one is "
        "called, call and call_many call them, read_docs explains. /mcp/<product> at the same host has a "
        "product's operations as tools of their own.";
    if (catalog.find("workspace.sign_up"))
      text +=
          " Without a key only workspace.sign_up can be called, which makes you a workspace and a key: "
          "connect "
          "anew with that as Authorization: Bearer KEY.";
    return text;
  }
  std::vector<std::shared_ptr<const Tool>> tools(const kernel::Caller&) const override {
    return tools_.list();
  }
  std::shared_ptr<const Tool> find_tool(const kernel::Caller&, std::string_view name) const override {
    return tools_.find(name);
  }
  Task<Rpc<std::string>> call(Exchange& exchange, const Tool& tool, Json arguments) override {
    if (auto started = starter(tool, arguments);
        started && CatalogTasks::stays(exchange.client(), *started->operation, started->arguments))
      co_return co_await tasks_.stay(exchange, *started->operation, std::move(started->arguments),
                                     std::move(started->options));
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
      const auto products = path_.catalog().products();
      const auto product = std::ranges::find(products, given, [](const auto& each) { return each->name(); });
      if (product == products.end())
        co_return refuse(Code::invalid_params, "arguments.product: no product {}",
                         to_text(Json(given.substr(0, 200))));
      text = tools_.manual(exchange.caller(), **product);
    } else {
      text = tools_.plan(exchange.caller(), given);
    }
    co_return fmt::format(R"("messages":[{{"role":"user","content":{}}}])", text_content(text));
  }

  Task<Rpc<Completion>> complete(Exchange& exchange, Completing what) override {
    if (what.ref.value("type", Json()) != "ref/prompt")
      co_return co_await CatalogOffer::complete(exchange, std::move(what));
    Completion completion;
    const Json name = what.ref.value("name", Json());
    if (name != "use" && name != "plan")
      co_return refuse(Code::invalid_params, "ref.name: there is no such prompt");
    if (name != "use" || what.argument != "product") co_return completion;
    for (const auto& product : path_.catalog().products()) completion.offer(product->name(), what.typed);
    co_return completion;
  }

 protected:
  std::optional<Meant> meant(const Tool& tool, const Json& arguments) const override {
    auto call = tools_.meant(tool, arguments);
    if (!call) return std::nullopt;
    auto operation = path_.catalog().find(call->operation);
    if (!operation) return std::nullopt;
    return Meant{.operation = *std::move(operation),
                 .arguments = std::move(call->arguments),
                 .options = std::move(call->options)};
  }

 private:
  MetaTools tools_;
  std::string instructions_;
};

}  // namespace

std::unique_ptr<Offer> CatalogOffers::whole() const {
  return std::make_unique<WholeOffer>(path_, clock_, random_, library_);
}

std::unique_ptr<Offer> CatalogOffers::product(const kernel::Product& product) const {
  return std::make_unique<ProductOffer>(path_, clock_, random_, library_, product);
}

}  // namespace acloud::surfaces::mcp
