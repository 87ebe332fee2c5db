#include "model/telemetry.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

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

// Finds a child by a key that is cheap to compare: the library hashes all labels anew each time.
template <class T>
class Children {
 public:
  template <class Make>
  T& get(std::string key, const Make& make) {
    const auto found = known_.find(key);
    if (found != known_.end()) return *found->second;
    return *known_.emplace(std::move(key), &make()).first->second;
  }

 private:
  std::map<std::string, T*, std::less<>> known_;
};

}  // namespace

struct Telemetry::Impl {
  using Histograms = prometheus::Family<prometheus::Histogram>;
  using Counters = prometheus::Family<prometheus::Counter>;

  Histograms& histogram(const char* name, const char* help) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
  }
  Counters& counter(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  }
  void observe(Histograms& family, const char* name, const Call& call, const Boundaries& bounds, double value,
               bool with_error) {
    const std::string key = fmt::format("{}\n{}\n{}\n{}\n{}", name, call.operation, call.model, call.provider,
                                        with_error ? call.error : "");
    auto& child = histograms.get(key, [&]() -> prometheus::Histogram& {
      Labels labels{{"gen_ai_operation_name", call.operation},
                    {"gen_ai_request_model", call.model},
                    {"gen_ai_provider_name", call.provider}};
      if (with_error && !call.error.empty()) labels["error_type"] = call.error;
      return family.Add(labels, bounds);
    });
    child.Observe(value);
  }

  prometheus::Registry registry;
  Histograms& duration =
      histogram("gen_ai_client_operation_duration_seconds", "Time of a request to a provider.");
  Histograms& first_token =
      histogram("gen_ai_server_time_to_first_token_seconds", "Time to the first token.");
  Histograms& per_token =
      histogram("gen_ai_server_time_per_output_token_seconds", "Time for a token after the first.");
  Histograms& tokens = histogram("gen_ai_client_token_usage", "Tokens used by a call.");
  Histograms& overhead =
      histogram("acloud_gateway_overhead_seconds",
                "Time of a call that was spent here, neither waiting for the provider nor the client.");
  Counters& retries = counter("acloud_model_retries_total", "Requests to providers that were sent again.");
  Counters& fallbacks = counter("acloud_model_fallbacks_total", "Calls that went to another model.");
  std::mutex mutex;  // guards the children
  Children<prometheus::Histogram> histograms;
  Children<prometheus::Counter> counters;
};

Telemetry::Telemetry() : impl_(std::make_unique<Impl>()) {}
Telemetry::~Telemetry() = default;

void Telemetry::finished(const Call& call) {
  const std::lock_guard lock(impl_->mutex);
  impl_->observe(impl_->duration, "duration", call, kDuration, call.seconds, true);
  impl_->observe(impl_->overhead, "overhead", call, kOverhead, call.overhead, false);
  if (call.to_first_token) {
    impl_->observe(impl_->first_token, "first", call, kFirstToken, *call.to_first_token, false);
  }
  if (call.per_token) impl_->observe(impl_->per_token, "per", call, kPerToken, *call.per_token, false);
}

void Telemetry::used(const ledger::Usage& usage) {
  const std::lock_guard lock(impl_->mutex);
  const auto observe = [&](const char* type, std::int64_t tokens) {
    const std::string key = fmt::format("tokens\n{}\n{}\n{}", type, usage.model, usage.provider);
    auto& child = impl_->histograms.get(key, [&]() -> prometheus::Histogram& {
      return impl_->tokens.Add({{"gen_ai_token_type", type},
                                {"gen_ai_request_model", usage.model},
                                {"gen_ai_provider_name", usage.provider}},
                               kTokens);
    });
    child.Observe(static_cast<double>(tokens));
  };
  observe("input", usage.tokens.input());
  observe("output", usage.tokens.output + usage.tokens.reasoning);
}

void Telemetry::retried(const std::string& model) {
  const std::lock_guard lock(impl_->mutex);
  auto& child = impl_->counters.get(
      "retry\n" + model, [&]() -> prometheus::Counter& { return impl_->retries.Add({{"model", model}}); });
  child.Increment();
}

void Telemetry::fell_back(const std::string& model, const std::string& to) {
  const std::lock_guard lock(impl_->mutex);
  auto& child = impl_->counters.get("fallback\n" + model + "\n" + to, [&]() -> prometheus::Counter& {
    return impl_->fallbacks.Add({{"model", model}, {"to", to}});
  });
  child.Increment();
}

std::string Telemetry::render() const {
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace acloud::model
