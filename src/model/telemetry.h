// What /metrics shows of models, under the names that dashboards for generative AI know (OpenTelemetry's
// GenAI conventions in Prometheus' spelling), and the gateway's own overhead as a histogram of its own.
#pragma once

#include <prometheus/metric_family.h>

#include <memory>
#include <string>
#include <vector>

#include "ledger/usage.h"

namespace acloud::model {

// Thread-safe.
class Telemetry {
 public:
  // A request to a provider.
  struct Call {
    std::string operation;  // chat, embeddings, count_tokens
    std::string model;
    std::string provider;
    std::string error;  // "" where it was well
    double seconds = 0;
    std::optional<double> to_first_token;
    std::optional<double> per_token;
  };
  // A call as its caller sees it, whatever number of requests it took.
  struct Served {
    std::string operation;
    std::string model;
    std::string error;
    double seconds = 0;
    double overhead = 0;  // neither waiting for a provider nor for the client
  };

  Telemetry();
  ~Telemetry();
  void finished(const Call& call);
  void served(const Served& call);
  void used(std::string_view operation, const ledger::Usage& usage);
  void retried(const std::string& model);
  void hedged(const std::string& model);
  void fell_back(const std::string& model, const std::string& to);
  std::vector<prometheus::MetricFamily> collect() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace acloud::model
