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
constexpr std::chrono::seconds kPause{1};                 // of a target that limits its rate and says no time

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

bool marks_cache(const kernel::Payload& payload) {
  return payload.body.in_memory() && payload.body.bytes().find("\"cache_control\"") != std::string::npos;
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
    Result<> result = co_await try_target(model, *target);
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

Task<Result<>> Exchange::try_target(const Model& model, const Target& target) {
  const ProviderConfig& provider = target.provider->config;
  hang_up_time_ = provider.hang_up_time;
  if (!target.state->begin(loop_.now())) {
    co_return fail(ErrorCode::unavailable, "provider {} is not well at the moment", provider.name);
  }
  telemetry::Span span = begin_attempt_span(span_, model, target, attempts_++);
  Attempt attempt({payload_, form_, streams_, stream_, answer_, gone_, limits_, [this] { hung_up(); },
                   [this](const Attempt& running) { context_.so_far(usage_of(running)); },
                   context_.workspace(), guard_, findings_, span.context()},
                  model, target, upstreams_);
  const auto by = async::Deadline::after(provider.total_time);
  const auto first = streams_ ? async::Deadline::after(provider.first_token_time).earlier(by) : by;
  Result<> result =
      co_await async::with_deadline(first, "the first token of the model's answer", attempt.begin())
          .with_stop(upstream_stop_.get_token());
  if (result) {
    result = co_await async::with_deadline(by, "the model's answer", attempt.finish())
                 .with_stop(upstream_stop_.get_token());
  }
  waited_ += attempt.waited();
  end_attempt_span(span, attempt, result);
  last_ = {.target = &target, .to_first_token = {}, .usage = {}};
  report(attempt, result);
  account(attempt, result);
  measure(attempt, result);
  co_return result;
}

// Tells the target's breaker.
void Exchange::report(const Attempt& attempt, const Result<>& result) {
  TargetState& state = *attempt.target().state;
  const auto first = attempt.first_token_at();
  if (result) {
    state.succeeded(first ? std::optional(std::chrono::duration<double>(*first - attempt.began()).count())
                          : std::nullopt);
    return;
  }
  if (!attempt.asked() && result.error().code() == ErrorCode::invalid_argument) return state.abandoned();
  switch (result.error().code()) {
    case ErrorCode::unavailable:
    case ErrorCode::deadline_exceeded:
      state.failed(loop_.now());
      break;
    case ErrorCode::rate_limited:
      state.pause(loop_.now() + result.error().retry_after().value_or(kPause));
      break;
    case ErrorCode::cancelled:
      state.abandoned();
      break;
    default:
      state.succeeded(std::nullopt);  // it answers; what it says is about the request
  }
}

// By the upstream's figures where they are whole; else by what came.
ledger::Usage Exchange::usage_of(const Attempt& attempt) const {
  const Learned& learned = attempt.learned();
  ledger::Usage usage;
  usage.model = attempt.model().config.name;
  usage.provider = attempt.target().provider->config.name;
  usage.tokens = learned.tokens.value_or(ledger::Tokens{});
  usage.batch = payload_.batch;
  if (!learned.whole_figures) {
    usage.estimated = true;
    if (!learned.tokens) usage.tokens.input_uncached = attempt.input_estimate();
    if (form_ != Form::openai_embeddings) {
      usage.tokens.output = std::max(usage.tokens.output, learned.output_estimate);
    }
  }
  const ledger::Tokens& tokens = usage.tokens;
  const bool cached = tokens.cache_read + tokens.cache_write_5m + tokens.cache_write_1h > 0;
  usage.explicit_cache = cached && marks_cache(payload_);
  return usage;
}

void Exchange::account(const Attempt& attempt, const Result<>& result) {
  // An attempt of which the client has seen nothing is not the client's to pay, but where it was answered and
  // a guardrail kept the answer.
  const bool left_alone = gone_ && attempt.asked();
  const bool kept = !result && guard::is_blocked(result.error());
  if (form_ == Form::anthropic_count_tokens || (!result && !stream_.begun() && !left_alone && !kept)) return;
  ledger::Usage usage = usage_of(attempt);
  last_.usage = usage;
  telemetry_.used(operation_name(form_), usage);
  context_.used(std::move(usage));
}

void Exchange::measure(const Attempt& attempt, const Result<>& result) {
  const auto first = attempt.first_token_at();
  const auto seconds = [](Duration d) { return std::chrono::duration<double>(d).count(); };
  Telemetry::Call call;
  call.operation = std::string(operation_name(form_));
  call.model = attempt.model().config.name;
  call.provider = attempt.target().provider->config.name;
  call.error = result ? "" : std::string(acloud::traits(result.error().code()).name);
  call.seconds = seconds(loop_.now() - attempt.began());
  if (first && streams_) {
    last_.to_first_token = call.to_first_token = seconds(*first - attempt.began());
    const auto tokens = attempt.learned().tokens;
    const std::int64_t written =
        tokens ? tokens->output + tokens->reasoning : attempt.learned().output_estimate;
    if (written > 1) call.per_token = seconds(loop_.now() - *first) / static_cast<double>(written - 1);
  }
  telemetry_.finished(call);
}

}  // namespace acloud::model
