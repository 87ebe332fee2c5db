#include "telemetry/exporter.h"

#include "async/wait.h"
#include "base/log.h"

namespace acloud::telemetry {
namespace {

prometheus::ClientMetric counted(std::uint64_t value, std::vector<prometheus::ClientMetric::Label> labels) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  metric.counter.value = static_cast<double>(value);
  return metric;
}

prometheus::MetricFamily counter(std::string name, std::string help,
                                 std::vector<prometheus::ClientMetric> metrics) {
  return {std::move(name), std::move(help), prometheus::MetricType::Counter, std::move(metrics)};
}

}  // namespace

Exporter::Exporter(Options options, Parts parts)
    : options_(std::move(options)),
      parts_(std::move(parts)),
      began_(parts_.clock.now()),
      spans_({.spans = options_.queued_spans, .bytes = kBytes, .batch = kBatch, .batch_bytes = kBatchBytes},
             [this] { (void)bell_.try_send(true); }) {}

Exporter::~Exporter() = default;

void Exporter::start() {
  parts_.loop.post([this] {
    scope_ = std::make_unique<async::TaskScope>();
    scope_->spawn(send_spans());
    scope_->spawn(send_figures());
  });
}

void Exporter::stop() { async::run_on(parts_.loop, end()); }

Task<> Exporter::end() {
  if (!scope_) co_return;
  scope_->cancel();
  co_await scope_->join();
  scope_.reset();
  (void)co_await async::with_deadline(async::Deadline::after(kLastWords), "the last of telemetry",
                                      say_last_words());
  parts_.collector.reset();
}

Task<> Exporter::send_spans() {
  const std::stop_token stop = scope_->stop_token();
  while (!stop.stop_requested()) {
    (void)co_await async::with_deadline(async::Deadline::after(options_.spans_every), "spans",
                                        bell_.receive());
    while (!stop.stop_requested() && spans_.size() > 0) co_await deliver(spans_.pop());
  }
}

// Until it is taken, refused or too old. A stop leaves it in under_way_.
Task<> Exporter::deliver(std::vector<FinishedSpan> batch) {
  under_way_ = std::move(batch);
  const std::string body = co_await written(under_way_);
  const Instant give_up = parts_.loop.now() + kGiveUp;
  Backoff backoff(parts_.random);
  for (;;) {
    const Verdict verdict = co_await try_once(traces_, body);
    if (scope_->stop_token().stop_requested() && verdict.kind != Verdict::Kind::taken) co_return;
    if (verdict.kind == Verdict::Kind::taken) {
      const std::uint64_t rejected = std::min<std::uint64_t>(verdict.rejected, under_way_.size());
      sent_ += under_way_.size() - rejected;
      refused_ += rejected;
      break;
    }
    if (verdict.kind == Verdict::Kind::refused) {
      refused_ += under_way_.size();
      break;
    }
    const auto pause = verdict.wait.value_or(backoff.next());
    const bool too_late = parts_.loop.now() + pause > give_up;
    if (too_late) given_up_ += std::exchange(under_way_, {}).size();
    // A collector that asks to be left alone is, whatever becomes of the batch.
    if ((!too_late || verdict.wait) && !co_await async::sleep_for(pause)) co_return;
    if (too_late) break;
  }
  under_way_.clear();
}

Task<std::string> Exporter::written(const std::vector<FinishedSpan>& batch) {
  return async::run_blocking(parts_.pool, [this, &batch] { return otlp_traces(options_.resource, batch); });
}

Task<Verdict> Exporter::try_once(Signal& signal, std::string body) {
  const auto answer = co_await parts_.collector->post(signal.path, std::move(body));
  Verdict verdict = judge(answer);
  const bool given_up_here = !answer && answer.error().code() == ErrorCode::cancelled;
  if (!given_up_here) tell(signal, verdict);
  co_return verdict;
}

// The log hears of each change, not of each request.
void Exporter::tell(Signal& signal, const Verdict& verdict) {
  const bool well = verdict.kind == Verdict::Kind::taken && verdict.rejected == 0;
  if (!well) ++failures_;
  if (well == std::exchange(signal.well, well)) return;
  if (well) {
    log::info("the telemetry collector takes what it is sent again", {{"signal", signal.name}});
  } else {
    log::warn("the telemetry collector does not take what it is sent",
              {{"signal", signal.name}, {"error", verdict.why.empty() ? "it rejected a part" : verdict.why}});
  }
}

Task<> Exporter::send_figures() {
  auto pause = options_.metrics_every;
  while (co_await async::sleep_for(pause)) {
    const auto asked = co_await send_figures_once();
    pause = std::max(options_.metrics_every, asked.value_or(options_.metrics_every));
  }
}

// Figures add up from the start, so those that nobody took are in the next. Gives how long the collector asks
// to be left alone.
Task<std::optional<std::chrono::milliseconds>> Exporter::send_figures_once() {
  std::string body = co_await async::run_blocking(parts_.pool, [this] {
    return otlp_metrics(options_.resource, parts_.figures(), began_, parts_.clock.now());
  });
  if (body.empty()) co_return std::nullopt;
  const Verdict verdict = co_await try_once(metrics_, std::move(body));
  if (verdict.kind == Verdict::Kind::taken) ++figures_sent_;
  co_return verdict.wait;
}

Task<Result<>> Exporter::say_last_words() {
  auto batch = std::exchange(under_way_, {});
  if (batch.empty()) batch = spans_.pop();
  for (; !batch.empty(); batch = spans_.pop()) {
    const Verdict verdict = co_await try_once(traces_, co_await written(batch));
    if (verdict.kind != Verdict::Kind::taken) {
      given_up_ += batch.size();
      co_return fail(ErrorCode::unavailable, "{}", verdict.why);
    }
    sent_ += batch.size();
  }
  (void)co_await send_figures_once();
  co_return Result<>();
}

std::vector<prometheus::MetricFamily> Exporter::own_figures() const {
  return {
      counter("acloud_telemetry_spans_sent_total", "Spans that the collector took.", {counted(sent_, {})}),
      counter(
          "acloud_telemetry_spans_dropped_total", "Spans that were lost, and why.",
          {counted(spans_.dropped(), {{"reason", "queue_full"}}), counted(refused_, {{"reason", "refused"}}),
           counted(given_up_, {{"reason", "collector_away"}})}),
      counter("acloud_telemetry_metrics_sent_total", "Times that the collector took the figures.",
              {counted(figures_sent_, {})}),
      counter("acloud_telemetry_failures_total", "Requests that the collector did not take.",
              {counted(failures_, {})})};
}

}  // namespace acloud::telemetry
