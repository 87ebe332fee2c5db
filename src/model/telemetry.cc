#include "model/telemetry.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <mutex>

namespace acloud::model {
namespace {

using Boundaries = prometheus::Histogram::BucketBoundaries;
// As the conventions recommend them.
const Boundaries kDuration{0.01, 0.02, 0.04, 0.08,  0.16,  0.32,  0.64,
                           1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92};
const Boundaries kFirstToken{0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1,
                             0.25,  0.5,   0.75, 1.0,  2.5,  5.0,  7.5,  10.0};
const Boundaries kPerToken{0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5};
const Boundaries kTokens{1,     4,     16,     64,      256,     1024,     4096,
                         16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864};
const Boundaries kOverhead{0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001,
                           0.0025,  0.005,    0.01,    0.025,  0.05,    0.1,    1};

using Labels = std::map<std::string, std::string>;
using Said = std::initializer_list<std::pair<const char*, std::string_view>>;

// The members of a family by their labels. The library hashes all labels anew each time, which costs more
// than the counting itself.
template <class Metric, class Make>
class Members {
 public:
  explicit Members(Make make) : make_(std::move(make)) {}
  // Labels without a value are left out.
  Metric& of(Said labels) {
    key_.clear();
    for (const auto& [name, value] : labels) key_.append(value).push_back('\n');
    const auto found = known_.find(key_);
    if (found != known_.end()) return *found->second;
    Labels given;
    for (const auto& [name, value] : labels) {
      if (!value.empty()) given.emplace(name, value);
    }
    return *known_.emplace(key_, &make_(given)).first->second;
  }

 private:
  Make make_;
  std::string key_;
  std::map<std::string, Metric*, std::less<>> known_;
};

auto histogram(prometheus::Registry& registry, const char* name, const char* help, const Boundaries& bounds) {
  auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
  auto make = [&family, &bounds](const Labels& labels) -> prometheus::Histogram& {
    return family.Add(labels, bounds);
  };
  return Members<prometheus::Histogram, decltype(make)>(make);
}

auto counter(prometheus::Registry& registry, const char* name, const char* help) {
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  auto make = [&family](const Labels& labels) -> prometheus::Counter& { return family.Add(labels); };
  return Members<prometheus::Counter, decltype(make)>(make);
}

using Histogram = decltype(histogram(std::declval<prometheus::Registry&>(), "", "", kDuration));
using Counter = decltype(counter(std::declval<prometheus::Registry&>(), "", ""));

}  // namespace

struct Telemetry::Impl {
  prometheus::Registry registry;
  std::mutex mutex;  // guards what follows
  Histogram duration = histogram(registry, "gen_ai_client_operation_duration_seconds",
                                 "Time of a request to a provider.", kDuration);
  Histogram first_token = histogram(registry, "gen_ai_server_time_to_first_token_seconds",
                                    "Time to the first token of a stream.", kFirstToken);
  Histogram per_token = histogram(registry, "gen_ai_server_time_per_output_token_seconds",
                                  "Time for a token after the first.", kPerToken);
  Histogram tokens = histogram(registry, "gen_ai_client_token_usage", "Tokens used by a call.", kTokens);
  Histogram request =
      histogram(registry, "gen_ai_server_request_duration_seconds",
                "Time of a call, as its caller sees it, with all its requests to providers.", kDuration);
  Histogram overhead = histogram(
      registry, "acloud_gateway_overhead_seconds",
      "Time of a call that was spent here, neither waiting for a provider nor the client.", kOverhead);
  Counter hedges = counter(registry, "acloud_model_hedges_total", "Requests beside one that took long.");
  Counter retries =
      counter(registry, "acloud_model_retries_total", "Requests to providers that were sent again.");
  Counter fallbacks = counter(registry, "acloud_model_fallbacks_total", "Calls that went to another model.");
};

Telemetry::Telemetry() : impl_(std::make_unique<Impl>()) {}
Telemetry::~Telemetry() = default;

void Telemetry::finished(const Call& call) {
  const std::lock_guard lock(impl_->mutex);
  impl_->duration
      .of({{"gen_ai_operation_name", call.operation},
           {"gen_ai_request_model", call.model},
           {"gen_ai_provider_name", call.provider},
           {"error_type", call.error}})
      .Observe(call.seconds);
  const Said labels{{"gen_ai_operation_name", call.operation},
                    {"gen_ai_request_model", call.model},
                    {"gen_ai_provider_name", call.provider}};
  if (call.to_first_token) impl_->first_token.of(labels).Observe(*call.to_first_token);
  if (call.per_token) impl_->per_token.of(labels).Observe(*call.per_token);
}

void Telemetry::served(const Served& call) {
  const std::lock_guard lock(impl_->mutex);
  impl_->request
      .of({{"gen_ai_operation_name", call.operation},
           {"gen_ai_request_model", call.model},
           {"error_type", call.error}})
      .Observe(call.seconds);
  impl_->overhead.of({{"gen_ai_operation_name", call.operation}, {"gen_ai_request_model", call.model}})
      .Observe(call.overhead);
}

void Telemetry::used(std::string_view operation, const ledger::Usage& usage) {
  const std::lock_guard lock(impl_->mutex);
  const auto observe = [&](const char* type, std::int64_t tokens) {
    impl_->tokens
        .of({{"gen_ai_operation_name", operation},
             {"gen_ai_token_type", type},
             {"gen_ai_request_model", usage.model},
             {"gen_ai_provider_name", usage.provider}})
        .Observe(static_cast<double>(tokens));
  };
  observe("input", usage.tokens.input());
  observe("output", usage.tokens.output + usage.tokens.reasoning);
}

void Telemetry::retried(const std::string& model) {
  const std::lock_guard lock(impl_->mutex);
  impl_->retries.of({{"model", model}}).Increment();
}

void Telemetry::hedged(const std::string& model) {
  const std::lock_guard lock(impl_->mutex);
  impl_->hedges.of({{"model", model}}).Increment();
}

void Telemetry::fell_back(const std::string& model, const std::string& to) {
  const std::lock_guard lock(impl_->mutex);
  impl_->fallbacks.of({{"model", model}, {"to", to}}).Increment();
}

std::vector<prometheus::MetricFamily> Telemetry::collect() const { return impl_->registry.Collect(); }

}  // namespace acloud::model
