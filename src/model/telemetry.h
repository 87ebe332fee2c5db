// What /metrics shows of models, under the names that dashboards for generative AI know (OpenTelemetry's
// GenAI conventions in Prometheus' spelling), and the gateway's own overhead as a histogram of its own.
#pragma once

#include <memory>
#include <string>

#include "ledger/usage.h"

namespace acloud::model {

// Thread-safe.
class Telemetry {
 public:
  struct Call {
    std::string operation;
    std::string model;
    std::string provider;
    std::string error;  // "" where it was well
    double seconds = 0;
    std::optional<double> to_first_token;
    std::optional<double> per_token;
    double overhead = 0;
  };

  Telemetry();
  ~Telemetry();
  void finished(const Call& call);
  void used(const ledger::Usage& usage);
  void retried(const std::string& model);
  void fell_back(const std::string& model, const std::string& to);
  // Prometheus' text format 0.0.4.
  std::string render() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace acloud::model
