#include "surfaces/mcp/meta_tools.h"

#include "kernel/visitor.h"

namespace acloud::surfaces::mcp {
namespace {

constexpr std::string_view kReference = "$result";

struct SearchRequest {
  std::string query;
  std::int64_t limit = 5;
  static constexpr auto schema = fields(
      field("query", &SearchRequest::query, "What you want done, in plain words.", required, length(1, 2000)),
      field("limit", &SearchRequest::limit, "How many at most.", between(1, 50)));
};

struct DescribeRequest {
  std::string operation;
  static constexpr auto schema = fields(field("operation", &DescribeRequest::operation,
                                              "Such as sandbox.run_code, or a product: sandbox.", required));
};

struct CallRequest {
  std::string operation;
  Json arguments = Json::object();
  bool dry_run = false;
  std::optional<std::string> idempotency_key;
  static constexpr auto schema =
      fields(field("operation", &CallRequest::operation, "Such as sandbox.run_code.", required),
             field("arguments", &CallRequest::arguments, "Its request, as describe shows it."),
             field("dry_run", &CallRequest::dry_run, "Only show what would happen."),
             field("idempotency_key", &CallRequest::idempotency_key, "Repeated with it, a call happens once.",
                   length(1, 255)));
};

struct Step {
  std::string operation;
  Json arguments = Json::object();
  static constexpr auto schema = fields(field("operation", &Step::operation, "Such as object.put.", required),
                                        field("arguments", &Step::arguments, "Its request."));
};

struct CallManyRequest {
  std::vector<Step> calls;
  bool go_on = false;
  static constexpr auto schema =
      fields(field("calls", &CallManyRequest::calls, "In order.", required, length(1, 50)),
             field("go_on", &CallManyRequest::go_on, "After a failure too."));
};

struct ReadRequest {
  std::optional<std::string> page;
  static constexpr auto schema =
      fields(field("page", &ReadRequest::page, "Left out: which pages there are."));
};

// Who has no key yet may read of all that a key would let it do.
bool told_to(const kernel::Caller& caller, const kernel::Operation& operation, Time now) {
  return shown_to(caller, operation, now) || (kernel::is_visitor(caller) && !operation.operator_only);
}

OrderedJson describe_operation(const kernel::Operation& operation) {
  OrderedJson examples = OrderedJson::array();
  for (const kernel::OperationExample& example : operation.examples)
    examples.push_back({{"summary", example.summary}, {"request", OrderedJson::parse(example.request_json)}});
  return {{"operation", operation.full_name()},
          {"summary", operation.summary},
          {"description", operation.description},
          {"effect", schema::Codec<kernel::Effect>::name(operation.effect)},
          {"request", operation.request()},
          {"reply", operation.reply()},
          {"examples", std::move(examples)}};
}

// The fields of a request in one line: "id, code, language?".
std::string field_line(const kernel::Operation& operation) {
  std::string line;
  const OrderedJson needed = operation.request().value("required", OrderedJson::array());
  for (const auto& [name, field] : operation.request()["properties"].items()) {
    if (!line.empty()) line += ", ";
    line += name;
    if (std::ranges::find(needed, OrderedJson(name)) == needed.end()) line += '?';
  }
  return line;
}

OrderedJson summarize(const kernel::Operation& operation) {
  return {{"operation", operation.full_name()},
          {"summary", operation.summary},
          {"effect", schema::Codec<kernel::Effect>::name(operation.effect)},
          {"fields", field_line(operation)}};
}

}  // namespace

Result<> fill_references(Json& arguments, const Json& results) {
  if (arguments.is_object() && arguments.size() == 1 && arguments.contains(kReference)) {
    const Json& where = arguments[std::string(kReference)];
    if (!where.is_string())
      return fail(ErrorCode::invalid_argument, "$result: must be a JSON Pointer such as \"/0/id\"");
    try {
      Json found = results.at(Json::json_pointer(where.get<std::string>()));
      arguments = std::move(found);
    } catch (const Json::exception&) {
      return fail(ErrorCode::invalid_argument, "$result: nothing is at {} in the {} results so far",
                  to_text(where).substr(0, 200), results.size());
    }
    return {};
  }
  if (!arguments.is_structured()) return {};
  for (Json& part : arguments) ACLOUD_CHECK(fill_references(part, results));
  return {};
}

template <class Request>
void MetaTools::add(std::string name, std::string description, kernel::Effect effect, Run run) {
  OrderedJson annotations = annotations_of(effect);
  if (effect == kernel::Effect::external)
    annotations["destructiveHint"] = true;  // whatever it is told to call
  const OrderedJson listing{{"name", name},
                            {"description", std::move(description)},
                            {"inputSchema", json_schema<Request>()},
                            {"annotations", std::move(annotations)}};
  entries_.push_back({{.name = std::move(name), .listing = listing.dump(), .headers = {}}, run});
}

MetaTools::MetaTools(kernel::CallPath& path, Clock& clock, Random& random, const Library* library)
    : path_(path), clock_(clock), calls_(path, random), library_(library) {
  using enum kernel::Effect;
  add<SearchRequest>("search", "Find the operations of this cloud that do what you want, the best first.",
                     read, &MetaTools::search);
  add<DescribeRequest>("describe", "Show how an operation is called: its request, reply and examples.", read,
                       &MetaTools::describe);
  add<CallRequest>("call", "Call an operation.", external, nullptr);
  add<CallManyRequest>("call_many",
                       "Call several operations, one after another. In arguments {\"$result\":\"/0/id\"} "
                       "stands for field id of the "
                       "first call's reply.",
                       external, &MetaTools::call_many);
  add<ReadRequest>("read_docs", "Read a page of the documentation or a skill.", read, &MetaTools::read_docs);
}

std::vector<std::shared_ptr<const Tool>> MetaTools::list() const {
  std::vector<std::shared_ptr<const Tool>> tools;
  tools.reserve(entries_.size());
  for (const Entry& entry : entries_) tools.emplace_back(std::shared_ptr<void>(), &entry.tool);
  return tools;
}

std::shared_ptr<const Tool> MetaTools::find(std::string_view name) const {
  const auto found = std::ranges::find(
      entries_, name, [](const Entry& entry) -> std::string_view { return entry.tool.name; });
  if (found == entries_.end()) return nullptr;
  return {std::shared_ptr<void>(), &found->tool};
}

Task<std::string> MetaTools::call(Exchange& exchange, const Tool& tool, Json arguments) {
  const auto entry = std::ranges::find(entries_, &tool, [](const Entry& each) { return &each.tool; });
  if (entry->run == nullptr) co_return co_await call_one(exchange, std::move(arguments));
  const auto reply = co_await (this->*entry->run)(exchange, std::move(arguments));
  co_return reply ? structured_result(*reply) : error_result(reply.error());
}

std::shared_ptr<const Search> MetaTools::index() const {
  const std::uint64_t version = path_.catalog().version();
  const std::scoped_lock lock(mutex_);
  if (search_ == nullptr || searched_ != version) {
    search_ = std::make_shared<const Search>(path_.catalog());
    searched_ = version;
  }
  return search_;
}

std::optional<MetaTools::Meant> MetaTools::meant(const Tool& tool, const Json& arguments) const {
  if (tool.name != "call") return std::nullopt;
  auto request = decode<CallRequest>(arguments);
  if (!request) return std::nullopt;
  return Meant{
      .operation = std::move(request->operation),
      .arguments = std::move(request->arguments),
      .options = {.dry_run = request->dry_run, .idempotency_key = request->idempotency_key.value_or("")}};
}

std::vector<std::shared_ptr<const kernel::Operation>> MetaTools::best(const kernel::Caller& caller,
                                                                      std::string_view query,
                                                                      std::size_t limit) const {
  const Time now = clock_.now();
  std::vector<std::shared_ptr<const kernel::Operation>> operations;
  const auto index = this->index();
  for (const Search::Found& found : index->find(query)) {
    if (operations.size() == limit) break;
    if (told_to(caller, *found.operation, now)) operations.push_back(found.operation);
  }
  return operations;
}

Task<Result<std::string>> MetaTools::search(Exchange& exchange, Json arguments) {
  ACLOUD_CO_TRY(const SearchRequest request, decode<SearchRequest>(arguments));
  OrderedJson operations = OrderedJson::array();
  for (const auto& operation :
       best(exchange.caller(), request.query, static_cast<std::size_t>(request.limit)))
    operations.push_back(summarize(*operation));
  OrderedJson reply{{"operations", std::move(operations)}};
  if (reply["operations"].empty()) {
    OrderedJson products = OrderedJson::object();
    for (const auto& product : path_.catalog().products()) products[product->name()] = product->summary();
    reply["products"] = std::move(products);
  }
  co_return reply.dump();
}

Task<Result<std::string>> MetaTools::describe(Exchange& exchange, Json arguments) {
  ACLOUD_CO_TRY(const DescribeRequest request, decode<DescribeRequest>(arguments));
  const Time now = clock_.now();
  for (const auto& product : path_.catalog().products()) {
    if (product->name() != request.operation) continue;
    OrderedJson operations = OrderedJson::array();
    for (const kernel::Operation& operation : product->operations()) {
      if (told_to(exchange.caller(), operation, now)) operations.push_back(summarize(operation));
    }
    const OrderedJson reply{
        {"product", product->name()}, {"summary", product->summary()}, {"operations", std::move(operations)}};
    co_return reply.dump();
  }
  ACLOUD_CO_TRY(const std::shared_ptr<const kernel::Operation> operation,
                path_.catalog().find(request.operation));
  if (!told_to(exchange.caller(), *operation, now))
    co_return fail(ErrorCode::permission_denied, "this key is not granted {}", request.operation);
  co_return describe_operation(*operation).dump();
}

// Members of a result, as the operation has them: one that gives content gives it here too.
Task<std::string> MetaTools::call_one(Exchange& exchange, Json arguments) {
  auto request = decode<CallRequest>(arguments);
  if (!request) co_return error_result(request.error());
  co_return co_await calls_.call(
      exchange, std::move(request->operation), std::move(request->arguments),
      {.dry_run = request->dry_run, .idempotency_key = request->idempotency_key.value_or("")});
}

Task<Result<std::string>> MetaTools::call_many(Exchange& exchange, Json arguments) {
  ACLOUD_CO_TRY(CallManyRequest request, decode<CallManyRequest>(arguments));
  Json results = Json::array();
  bool failed = false;
  for (Step& step : request.calls) {
    Result<std::string> reply = std::unexpected(Error(ErrorCode::internal, ""));
    if (const auto filled = fill_references(step.arguments, results); !filled) {
      reply = std::unexpected(filled.error());
    } else {
      reply = co_await calls_.run(exchange, step.operation, std::move(step.arguments), {});
    }
    failed = failed || !reply;
    if (reply) {
      ACLOUD_CO_TRY(Json json, parse_json(*reply));
      results.push_back(std::move(json));
    } else {
      results.push_back({{"error",
                          {{"operation", step.operation},
                           {"code", traits(reply.error().code()).name},
                           {"message", reply.error().message()}}}});
    }
    if (failed && !request.go_on) break;
  }
  const Json reply{
      {"results", results}, {"failed", failed}, {"not_called", request.calls.size() - results.size()}};
  co_return to_text(reply);
}

Task<Result<std::string>> MetaTools::read_docs(Exchange&, Json arguments) {
  ACLOUD_CO_TRY(const ReadRequest request, decode<ReadRequest>(arguments));
  OrderedJson pages = OrderedJson::array();
  std::string text;
  const auto offer = [&](const std::string& path, const std::string& title, const std::string& content) {
    pages.push_back({{"page", path}, {"title", title}});
    if (request.page == path) text = content;
  };
  if (library_ != nullptr) {
    for (const Page& page : library_->pages()) offer(page.path, page.title, page.text);
    for (const Skill& skill : library_->skills()) {
      for (const SkillFile& file : skill.files)
        offer(skill.name + "/" + file.path, skill.description, file.content);
    }
  }
  if (!request.page) co_return OrderedJson{{"pages", std::move(pages)}}.dump();
  if (text.empty())
    co_return fail(ErrorCode::not_found, "no page {}; without one read_docs lists them",
                   request.page->substr(0, 200));
  const OrderedJson reply{{"page", *request.page}, {"text", std::move(text)}};
  co_return reply.dump();
}

std::string MetaTools::manual(const kernel::Caller& caller, const kernel::Product& product) const {
  if (library_ != nullptr) {
    for (const Skill& skill : library_->skills()) {
      if (skill.product == product.name() && !skill.files.empty()) return skill.files.front().content;
    }
  }
  std::string text = fmt::format("Product {}: {}\n\nIts operations, to be called with the tool call:\n",
                                 product.name(), product.summary());
  for (const kernel::Operation& operation : product.operations()) {
    if (shown_to(caller, operation, clock_.now()))
      text += fmt::format("- {} ({}): {}\n", operation.full_name(), field_line(operation), operation.summary);
  }
  return text;
}

std::string MetaTools::plan(const kernel::Caller& caller, const std::string& goal) const {
  std::string text = fmt::format("Goal: {}\n\nThese operations of the cloud come nearest:\n", goal);
  for (const auto& operation : best(caller, goal, 8))
    text +=
        fmt::format("- {} ({}): {}\n", operation->full_name(), field_line(*operation), operation->summary);
  return text +
         "\nMake a plan of calls, look up requests with describe, then carry it out with call or "
         "call_many.\n";
}

}  // namespace acloud::surfaces::mcp
