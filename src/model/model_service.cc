#include "model/model_service.h"

#include "model/guard/guarded_request.h"
#include "model/neutral.h"

namespace acloud::model {

ModelService::ModelService(async::LoopThreads& loops, KeySource keys, inference::Endpoint* engine,
                           bool traces_content, std::chrono::seconds keep_findings)
    : keys_(std::move(keys)),
      traces_content_(traces_content),
      upstreams_(loops, engine),
      findings_(keep_findings),
      routes_(*RouteTable::make({}, {}, keys_, nullptr)),
      guards_(*guard::GuardTable::make({})) {}

std::shared_ptr<const RouteTable> ModelService::routes() const {
  const std::lock_guard lock(mutex_);
  return routes_;
}

Result<> ModelService::configure(std::span<const ProviderConfig> providers,
                                 std::span<const ModelConfig> models) {
  const auto before = routes();
  ACLOUD_TRY(auto table, RouteTable::make(providers, models, keys_, before.get()));
  const std::lock_guard lock(mutex_);
  routes_ = std::move(table);
  return {};
}

void ModelService::guard_with(std::shared_ptr<const guard::GuardTable> guards) {
  const std::lock_guard lock(mutex_);
  guards_ = std::move(guards);
}

std::vector<prometheus::MetricFamily> ModelService::metrics() const {
  std::vector<prometheus::MetricFamily> families = telemetry_.collect();
  std::ranges::move(findings_.collect(), std::back_inserter(families));
  return families;
}

// A call may end at any model that its own falls back to.
guard::Guard ModelService::guard_of(const kernel::Caller& caller, const RouteTable& routes,
                                    const std::string& model) const {
  std::vector<std::string> models{model};
  if (const Model* found = routes.find(model))
    models.insert(models.end(), found->config.fallback.begin(), found->config.fallback.end());
  const std::lock_guard lock(mutex_);
  return guards_->of(caller, models);
}

namespace {

Result<std::optional<inference::ModelStatus>> status(const Upstreams& upstreams, const std::string& name) {
  ACLOUD_TRY(const inference::Endpoint* const engine, upstreams.engine());
  return engine->models().status(name);
}

EngineInfo engine_info(const Upstreams& upstreams, const ModelConfig& config) {
  EngineInfo info{.file = config.file};
  const auto found = status(upstreams, config.name);
  if (!found) {
    info.state = "failed";
    info.error = found.error().message();
    return info;
  }
  if (!*found) {
    info.state = "idle";
    return info;
  }
  const auto& [model, stats] = **found;
  info.description = model.description;
  info.parameters = model.parameters;
  info.context = model.context;
  info.weights = model.weights;
  info.memory = model.state;
  info.running = static_cast<std::int64_t>(stats.running);
  info.waiting = static_cast<std::int64_t>(stats.waiting);
  return info;
}

}  // namespace

Task<Result<ModelList>> ModelService::list(kernel::Context&, ListModels request) {
  const auto table = routes();
  ACLOUD_CO_TRY(const std::string after, kernel::from_cursor(request.cursor));
  ModelList list;
  bool reached = after.empty();
  for (const auto& model : table->models()) {
    if (!reached) {
      reached = model->config.name == after;
      continue;
    }
    if (std::ssize(list.items) == request.limit) {
      list.next_cursor = kernel::to_cursor(list.items.back().name);
      break;
    }
    ModelInfo info{.name = model->config.name, .providers = {}, .fallback = model->config.fallback};
    for (const Target& target : model->targets) {
      if (std::ranges::find(info.providers, target.provider->config.name) == info.providers.end()) {
        info.providers.push_back(target.provider->config.name);
      }
    }
    if (model->config.engine) info.engine = engine_info(upstreams_, model->config);
    list.items.push_back(std::move(info));
  }
  co_return list;
}

Task<Result<Answer>> ModelService::exchange(kernel::Context& context, const kernel::Payload& payload,
                                            kernel::ReplyStream& stream, Form form,
                                            const std::string& model) {
  const auto table = routes();
  const guard::Guard guard = guard_of(context.caller, *table, model);
  guard::Findings findings;
  const auto let_through = co_await guard::admit(guard, model, payload, findings);
  Result<Answer> answer = Answer();
  if (let_through) {
    Exchange exchange({context, *let_through ? **let_through : payload, stream, *table, upstreams_,
                       telemetry_, cache_, guard, findings, traces_content_},
                      form);
    answer = co_await exchange.run(model);
  } else {
    answer = std::unexpected(let_through.error());
  }
  ACLOUD_CO_CHECK(co_await findings_.keep(context, model, std::move(findings)).shielded());
  co_return answer;
}

Task<Result<guard::FindingList>> ModelService::findings(kernel::Context& context,
                                                        guard::ListFindings request) {
  return findings_.list(context, std::move(request));
}

Task<Result<Json>> ModelService::admit(kernel::Context& context, std::string model, Json words) {
  const auto table = routes();
  const guard::Guard guard = guard_of(context.caller, *table, model);
  const std::string text = to_text(words);
  guard::Findings findings;
  Result<std::optional<std::string>> masked = std::nullopt;
  if (const auto admitted = guard.admit(model, text.size()); !admitted) {
    masked = std::unexpected(admitted.error());
  } else if (guard.watches(guard::Side::request)) {
    masked = guard.inspect(text, guard::Side::request, findings);
  }
  ACLOUD_CO_CHECK(co_await findings_.keep(context, model, std::move(findings)).shielded());
  if (!masked) co_return std::unexpected(std::move(masked).error());
  if (!*masked) co_return words;
  co_return parse_json(**masked);
}

// What came in a dialect's bytes leaves in them.
Task<Result<>> ModelService::pass(kernel::Context& context, Form form, const std::string& model) {
  ACLOUD_CO_TRY(Answer answer,
                co_await exchange(context, *context.payload(), *context.stream(), form, model));
  context.reply_with_bytes(net::Body(std::move(answer.bytes)), std::move(answer.headers));
  co_return Result<>();
}

Task<Result<ChatAnswer>> ModelService::chat(kernel::Context& context, Chat request) {
  if (context.payload() == nullptr) co_return co_await converse(context, std::move(request));
  const auto form = form_of(context.payload()->form);
  if (!form || !is_chat(*form)) co_return fail(ErrorCode::invalid_argument, "this is no conversation");
  ACLOUD_CO_CHECK(co_await pass(context, *form, request.model));
  co_return ChatAnswer();
}

Task<Result<ChatAnswer>> ModelService::converse(kernel::Context& context, Chat request) {
  const bool streams = context.events() != nullptr;
  ACLOUD_CO_TRY(const kernel::Payload payload, to_payload(request, streams));
  NeutralStream stream(context.events());
  ACLOUD_CO_TRY(Answer answer, co_await exchange(context, payload, stream, Form::openai_chat, request.model));
  if (!streams) co_return to_chat_answer(answer.bytes, request.model);
  ACLOUD_CO_CHECK(co_await stream.write(answer.bytes));
  co_return stream.answer(request.model);
}

Task<Result<Embeddings>> ModelService::embed(kernel::Context& context, Embed request) {
  if (context.payload() != nullptr) {
    ACLOUD_CO_CHECK(co_await pass(context, Form::openai_embeddings, request.model));
    co_return Embeddings();
  }
  ACLOUD_CO_TRY(const kernel::Payload payload, to_payload(request));
  NeutralStream stream(nullptr);
  ACLOUD_CO_TRY(Answer answer,
                co_await exchange(context, payload, stream, Form::openai_embeddings, request.model));
  co_return to_embeddings(answer.bytes, request.model);
}

Task<Result<ChatAnswer>> ModelService::count_tokens(kernel::Context& context, Chat request) {
  if (context.payload() == nullptr) {
    co_return fail(ErrorCode::invalid_argument, "tokens are counted at POST /v1/messages/count_tokens");
  }
  ACLOUD_CO_CHECK(co_await pass(context, Form::anthropic_count_tokens, request.model));
  co_return ChatAnswer();
}

}  // namespace acloud::model
