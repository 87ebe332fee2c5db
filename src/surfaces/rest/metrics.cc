#include "surfaces/rest/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>
#include <shared_mutex>

namespace acloud::surfaces {
namespace {

// Seconds; from a read served from memory to a long task step.
const prometheus::Histogram::BucketBoundaries kSeconds{
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};

}  // namespace

struct Metrics::Impl {
  // The library finds a child by hashing its labels anew, which costs more than the counting itself.
  struct Operation {
    prometheus::Histogram* seconds;
    std::map<std::string, prometheus::Counter*, std::less<>> outcomes;
  };

  explicit Impl(std::function<std::vector<Gauge>()> source)
      : sample(std::move(source)),
        calls(prometheus::BuildCounter()
                  .Name("acloud_calls_total")
                  .Help("Calls by operation and outcome.")
                  .Register(registry)),
        seconds(prometheus::BuildHistogram()
                    .Name("acloud_call_duration_seconds")
                    .Help("Time from a call's arrival to its reply.")
                    .Register(registry)) {}

  prometheus::Registry registry;
  std::function<std::vector<Gauge>()> sample;
  std::vector<std::function<Families()>> more;
  std::vector<std::function<std::string()>> texts;
  prometheus::Family<prometheus::Counter>& calls;
  prometheus::Family<prometheus::Histogram>& seconds;
  std::mutex mutex;  // guards what follows
  std::map<std::string, Operation, std::less<>> operations;
};

Metrics::Metrics(std::function<std::vector<Gauge>()> sample)
    : impl_(std::make_unique<Impl>(std::move(sample))) {}
Metrics::~Metrics() = default;

void Metrics::finished(const kernel::CallRecord& record) {
  prometheus::Histogram* seconds = nullptr;
  prometheus::Counter* count = nullptr;
  {
    const std::lock_guard lock(impl_->mutex);
    auto operation = impl_->operations.find(record.operation);
    if (operation == impl_->operations.end()) {
      auto& added = impl_->seconds.Add({{"operation", record.operation}}, kSeconds);
      operation = impl_->operations.emplace(record.operation, Impl::Operation{&added, {}}).first;
    }
    seconds = operation->second.seconds;
    auto& counter = operation->second.outcomes[record.outcome];
    if (counter == nullptr) {
      counter = &impl_->calls.Add({{"operation", record.operation}, {"outcome", record.outcome}});
    }
    count = counter;
  }
  count->Increment();
  seconds->Observe(static_cast<double>(record.took_us) / 1e6);
}

void Metrics::include(std::function<Families()> more) { impl_->more.push_back(std::move(more)); }
void Metrics::include_text(std::function<std::string()> more) { impl_->texts.push_back(std::move(more)); }

Metrics::Families Metrics::collect() {
  Families families = impl_->registry.Collect();
  for (const Gauge& gauge : impl_->sample()) {
    prometheus::MetricFamily family;
    family.name = gauge.name;
    family.help = gauge.help;
    family.type = prometheus::MetricType::Gauge;
    prometheus::ClientMetric metric;
    metric.gauge.value = gauge.value;
    family.metric.push_back(metric);
    families.push_back(std::move(family));
  }
  for (const auto& more : impl_->more) std::ranges::move(more(), std::back_inserter(families));
  return families;
}

std::string Metrics::render() {
  std::string text = prometheus::TextSerializer().Serialize(collect());
  for (const auto& more : impl_->texts) text += more();
  return text;
}

}  // namespace acloud::surfaces
