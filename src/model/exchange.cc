#include "model/exchange.h"

#include "base/log.h"
#include "model/policy.h"
#include "model/session.h"
#include "model/span_content.h"
#include "model/usage_reader.h"

namespace acloud::model {
namespace {

constexpr std::chrono::milliseconds kBackoff{100};
constexpr std::chrono::milliseconds kLongestWait{2'000};  // a longer one is the client's decision

std::optional<std::int64_t> max_output(const JsonOutline& outline) {
  for (const std::string_view name : {"max_completion_tokens", "max_tokens", "max_output_tokens"}) {
    if (const auto most = outline.integer(name)) {
      return *most * std::clamp<std::int64_t>(outline.integer("n").value_or(1), 1, 1000);
    }
  }
  return std::nullopt;
}

void put_level(net::Headers& headers, std::string_view what, const std::optional<ledger::Level>& level) {
  if (!level) return;
  headers.set(fmt::format("x-ratelimit-limit-{}", what), std::to_string(level->limit));
  headers.set(fmt::format("x-ratelimit-remaining-{}", what), std::to_string(level->remaining));
  headers.set(fmt::format("x-ratelimit-reset-{}", what), fmt::format("{}ms", level->reset.count()));
}

net::Headers limit_headers(const ledger::Standing& standing) {
  net::Headers headers;
  put_level(headers, "requests", standing.requests);
  put_level(headers, "tokens", standing.tokens);
  return headers;
}

}  // namespace

Exchange::Exchange(Parts parts, Form form)
    : context_(parts.context),
      payload_(parts.payload),
      recorder_(parts.stream),
      stream_(recorder_),
      routes_(parts.routes),
      upstreams_(parts.upstreams),
      telemetry_(parts.telemetry),
      cache_(parts.cache),
      guard_(parts.guard),
      findings_(parts.findings),
      form_(form),
      traces_content_(parts.traces_content),
      loop_(*async::EventLoop::current()),
      began_(loop_.now()),
      streams_(payload_.outline.is_true("stream")) {}

void Exchange::hung_up() {
  if (gone_) return;
  gone_ = true;
  hang_up_timer_ = loop_.call_at(loop_.now() + hang_up_time_, [this] { upstream_stop_.request_stop(); });
}

Task<Result<>> Exchange::hold(const Model& model) {
  ledger::Estimate estimate;
  estimate.model = model.config.name;
  estimate.input = static_cast<std::int64_t>(payload_.body.size());
  estimate.max_output = form_ == Form::openai_embeddings ? 0 : max_output(payload_.outline);
  estimate.batch = payload_.batch;
  // Of two requests both are paid for what they read.
  if (model.config.hedge_after > std::chrono::milliseconds(0)) estimate.input *= 2;
  ACLOUD_CO_CHECK(co_await context_.hold(std::move(estimate)));
  limits_ = limit_headers(context_.standing());
  co_return Result<>();
}

Task<Result<Answer>> Exchange::run(const std::string& model_name) {
  const Model* model = routes_.find(model_name);
  if (model == nullptr) {
    co_return fail(ErrorCode::not_found, "there is no model \"{}\"; model.list (GET /v1/models) names them",
                   model_name);
  }
  span_ = begin_call_span(context_.trace(), form_, model_name, payload_);
  const auto result = co_await answer(*model);
  serve(*model, result);
  ACLOUD_CO_CHECK(result);
  co_return std::move(answer_);
}

Task<Result<>> Exchange::answer(const Model& model) {
  const std::string key = model.config.cache > std::chrono::seconds(0)
                              ? ResponseCache::key_of(context_.workspace() + guard_.digest(), payload_)
                              : std::string();
  if (!key.empty() && answer_from_cache(key)) co_return Result<>();
  const bool traces = traces_content_ && span_.recording();
  if (!key.empty() || traces) recorder_.start();
  const std::stop_callback<OnHangUp> on_hang_up(co_await async::this_stop_token(), OnHangUp{*this});
  const auto result = co_await try_chain(model);
  hang_up_timer_.cancel();
  auto bytes = !key.empty() || traces ? recorder_.take(answer_.bytes) : std::nullopt;
  if (traces) trace_content(bytes);
  if (gone_) co_return fail(ErrorCode::cancelled, "the client went away");
  ACLOUD_CO_CHECK(result);
  if (!key.empty() && bytes) keep_answer(key, model.config.cache, *std::move(bytes));
  co_return Result<>();
}

// A call that is answered here uses no model: it is recorded as a call, and costs nothing.
bool Exchange::answer_from_cache(const std::string& key) {
  auto kept = cache_.find(key, loop_.now());
  if (!kept) return false;
  answer_ = {{{"content-type", std::move(kept->content_type)}, {"x-acloud-cache", "hit"}},
             std::move(kept->bytes)};
  span_.set("acloud.cache_hit", true);
  return true;
}

void Exchange::keep_answer(const std::string& key, std::chrono::seconds time, std::string bytes) {
  cache_.put(key, {answer_type(), std::move(bytes)}, loop_.now() + time);
}

std::string Exchange::answer_type() const {
  return std::string(stream_.begun() ? std::string_view(recorder_.content_type())
                                     : answer_.headers.value("content-type"));
}

// What was said on both sides, as far as it came. `bytes`: of the reply; nothing where it was too large.
void Exchange::trace_content(const std::optional<std::string>& bytes) {
  if (payload_.body.in_memory()) {
    if (auto content = content_of_request(form_, payload_.body.bytes())) {
      if (!content->system.empty())
        span_.set_content("gen_ai.system_instructions", std::move(content->system));
      span_.set_content("gen_ai.input.messages", std::move(content->input));
    }
  }
  if (!bytes || bytes->empty()) return;
  if (auto said = content_of_reply(form_, answer_type(), *bytes))
    span_.set_content("gen_ai.output.messages", *std::move(said));
}

// The call as a whole, for those who watch.
void Exchange::serve(const Model& model, const Result<>& result) {
  const std::string error = result ? "" : std::string(acloud::traits(result.error().code()).name);
  const auto seconds = [](Duration d) { return std::chrono::duration<double>(d).count(); };
  const Duration took = loop_.now() - began_;
  telemetry_.served({.operation = std::string(operation_name(form_)),
                     .model = model.config.name,
                     .error = error,
                     .seconds = seconds(took),
                     .overhead = seconds(took - waited_)});
  end_call_span(span_, last_, error);
}

Task<Result<>> Exchange::try_chain(const Model& first) {
  Result<> result = co_await try_model(first);
  for (const std::string& name : first.config.fallback) {
    if (result || !may_retry(result.error())) break;
    telemetry_.fell_back(first.config.name, name);
    log::info("a call falls back", {{"request_id", context_.request_id()},
                                    {"model", first.config.name},
                                    {"to", name},
                                    {"error", result.error().message()}});
    result = co_await try_model(*routes_.find(name));
  }
  co_return result;
}

bool Exchange::may_retry(const Error& error) const {
  if (gone_ || stream_.begun()) return false;
  return error.code() == ErrorCode::unavailable || error.code() == ErrorCode::rate_limited ||
         error.code() == ErrorCode::deadline_exceeded;
}

Task<Result<>> Exchange::try_model(const Model& model) {
  if (form_ != Form::anthropic_count_tokens) {
    ACLOUD_CO_CHECK(co_await hold(model));
  }
  Tried tried;
  model.retries->earn();
  for (int attempt = 0;; ++attempt) {
    ACLOUD_CO_TRY(const Target* target, choose(model, tried));
    Result<> result = model.config.hedge_after > std::chrono::milliseconds(0)
                          ? co_await try_hedged(model, *target, tried)
                          : co_await try_target(model, *target);
    tried.push_back(target);
    // Another target may speak the client's own dialect.
    if (!result && result.error().details().contains("untranslatable") && has_untried(model, tried)) continue;
    if (result || !may_retry(result.error())) co_return result;
    if (attempt >= model.config.retries || !model.retries->take()) co_return result;
    telemetry_.retried(model.config.name);
    if (has_untried(model, tried)) continue;
    ACLOUD_CO_CHECK(co_await wait_before_retry(result.error(), attempt));
  }
}

// The best target that was not tried yet; of those that were, the best.
Result<const Target*> Exchange::choose(const Model& model, const Tried& tried) {
  const Instant now = loop_.now();
  std::vector<Candidate> candidates;
  Duration shortest = Duration::max();
  bool any_rested = false;
  for (const Target& target : model.targets) {
    const auto view = target.state->view(now);
    candidates.push_back(
        {target.weight, view.allowed, view.outstanding, view.seconds, target.price, target.identity});
    shortest = std::min(shortest, view.wait);
    any_rested = any_rested || (view.allowed && !view.paused);
  }
  for (std::size_t i = 0; any_rested && i < candidates.size(); ++i) {
    candidates[i].available = candidates[i].available && !model.targets[i].state->view(now).paused;
  }
  const auto ranked =
      order(candidates, model.config.strategy,
            session_of(payload_, context_.workspace(), model.config.affinity), context_.random);
  if (ranked.empty()) {
    auto error =
        Error(ErrorCode::unavailable,
              fmt::format("model {}: none of its providers is well at the moment", model.config.name));
    return std::unexpected(
        std::move(error).with_retry_after(std::chrono::ceil<std::chrono::milliseconds>(shortest)));
  }
  for (const std::size_t i : ranked) {
    if (std::ranges::find(tried, &model.targets[i]) == tried.end()) return &model.targets[i];
  }
  return &model.targets[ranked.front()];
}

bool Exchange::has_untried(const Model& model, const Tried& tried) const {
  return std::ranges::any_of(model.targets, [&](const Target& target) {
    return target.weight > 0 && std::ranges::find(tried, &target) == tried.end() &&
           target.state->view(loop_.now()).allowed;
  });
}

Task<Result<>> Exchange::wait_before_retry(Error error, int attempt) {
  const double jitter = 0.5 + context_.random.unit();
  auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(kBackoff * (1 << attempt) * jitter);
  if (error.retry_after()) wait = std::max(wait, *error.retry_after());
  if (wait > kLongestWait) co_return std::unexpected(std::move(error));
  const Instant before = loop_.now();
  const auto slept = co_await async::sleep_for(wait);
  waited_ += loop_.now() - before;
  co_return slept;
}

}  // namespace acloud::model
