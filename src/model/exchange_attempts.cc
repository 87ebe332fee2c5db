// The half of exchange.h that asks targets: one after the other, or two beside each other.
#include "model/exchange.h"
#include "model/hedge.h"

namespace acloud::model {
namespace {

constexpr std::chrono::seconds kPause{1};  // of a target that limits its rate and says no time

bool marks_cache(const kernel::Payload& payload) {
  return payload.body.in_memory() && payload.body.bytes().find("\"cache_control\"") != std::string::npos;
}

}  // namespace

// Errors: unavailable: the target may not be called any more, after all.
Result<std::unique_ptr<Exchange::Asking>> Exchange::ask(const Model& model, const Target& target) {
  const ProviderConfig& provider = target.provider->config;
  hang_up_time_ = provider.hang_up_time;
  if (!target.state->begin(loop_.now())) {
    return fail(ErrorCode::unavailable, "provider {} is not well at the moment", provider.name);
  }
  return std::make_unique<Asking>(*this, model, target);
}

Exchange::Asking::Asking(Exchange& exchange, const Model& model, const Target& target)
    : span(begin_attempt_span(exchange.span_, model, target, exchange.attempts_++)),
      attempt({exchange.payload_, exchange.form_, exchange.streams_, exchange.stream_, answer, exchange.gone_,
               exchange.limits_, [&exchange] { exchange.hung_up(); },
               [&exchange](const Attempt& running) { exchange.context_.so_far(exchange.usage_of(running)); },
               exchange.context_.workspace(), exchange.guard_, exchange.findings_, span.context()},
              model, target, exchange.upstreams_),
      by(async::Deadline::after(target.provider->config.total_time)) {}

Task<Result<>> Exchange::begin(Asking& asking) {
  const Duration time = asking.attempt.target().provider->config.first_token_time;
  const auto first = streams_ ? async::Deadline::after(time).earlier(asking.by) : asking.by;
  return async::with_deadline(first, "the first token of the model's answer", asking.attempt.begin());
}

// The rest of an answer that has begun.
Task<Result<>> Exchange::finish(Asking& asking) {
  const auto result = co_await async::with_deadline(asking.by, "the model's answer", asking.attempt.finish())
                          .with_stop(upstream_stop_.get_token());
  answer_ = std::move(asking.answer);
  co_return result;
}

// `beaten`: another answer was taken before this one's.
void Exchange::close(Asking& asking, const Result<>& result, bool beaten) {
  const Attempt& attempt = asking.attempt;
  waited_ += attempt.waited() - asking.waited_beside;
  end_attempt_span(asking.span, attempt, result);
  if (!beaten) last_ = {.target = &attempt.target(), .to_first_token = {}, .usage = {}, .reply = {}};
  report(attempt, result);
  account(attempt, result, beaten);
  measure(attempt, result);
}

Task<Result<>> Exchange::try_target(const Model& model, const Target& target) {
  ACLOUD_CO_TRY(const auto asking, ask(model, target));
  Result<> result = co_await begin(*asking).with_stop(upstream_stop_.get_token());
  if (result) result = co_await finish(*asking);
  close(*asking, result, false);
  co_return result;
}

// The second of two, where there is another target that was not tried. Errors: as Attempt::begin();
// unavailable: there is none, or enough is sent twice already.
Task<Result<>> Exchange::begin_second(const Model& model, Tried& tried, std::unique_ptr<Asking>& second) {
  ACLOUD_CO_TRY(const Target* target, choose(model, tried));
  const bool another = std::ranges::find(tried, target) == tried.end();
  if (!another || !model.retries->take()) co_return fail(ErrorCode::unavailable, "there is no other to ask");
  ACLOUD_CO_TRY(second, ask(model, *target));
  tried.push_back(target);
  telemetry_.hedged(model.config.name);
  co_return co_await begin(*second);
}

Task<Result<>> Exchange::try_hedged(const Model& model, const Target& target, Tried& tried) {
  ACLOUD_CO_TRY(const auto first, ask(model, target));
  std::unique_ptr<Asking> second;
  Tried asked = tried;
  asked.push_back(&target);
  const Instant before = loop_.now();
  const Raced raced = co_await race(begin(*first), model.config.hedge_after, [&] {
                        return begin_second(model, asked, second);
                      }).with_stop(upstream_stop_.get_token());
  // Two that waited beside each other have waited once.
  waited_ += loop_.now() - before;
  for (Asking* each : {first.get(), second.get()}) {
    if (each != nullptr) each->waited_beside = each->attempt.waited();
  }
  if (second) tried.push_back(&second->attempt.target());
  Asking& winner = raced.winner == 0 ? *first : *second;
  if (second) close(raced.winner == 0 ? *second : *first, *raced.results[1 - raced.winner], true);
  Result<> result = raced.result();
  if (result) result = co_await finish(winner);
  close(winner, result, false);
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

void Exchange::account(const Attempt& attempt, const Result<>& result, bool beaten) {
  // An attempt of which the client has seen nothing is not the client's to pay, but where we hung up on it,
  // or where it was answered and a guardrail kept the answer.
  const bool cancelled = beaten && !result && result.error().code() == ErrorCode::cancelled;
  const bool hung_up = (gone_ || cancelled) && attempt.asked();
  const bool kept = !result && guard::is_blocked(result.error());
  const bool seen = stream_.begun() && !beaten;
  if (form_ == Form::anthropic_count_tokens || (!result && !seen && !hung_up && !kept)) return;
  ledger::Usage usage = usage_of(attempt);
  last_.usage = usage;
  if (span_.recording()) {
    last_.reply = attempt.learned().id;
    last_.finish_reasons = attempt.learned().finish_reasons;
  }
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
