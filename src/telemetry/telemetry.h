// Telemetry as a whole: made from the configuration, wired by main, there only where a collector is named.
#pragma once

#include "telemetry/config.h"
#include "telemetry/exporter.h"

namespace acloud::telemetry {

class Telemetry {
 public:
  struct Parts {
    async::EventLoop& loop;
    async::BlockingPool& pool;
    Clock& clock;
    Random& random;
    std::string instance;
    std::string version;
    // Reads env: and file: references.
    std::function<Result<std::string>(std::string_view reference)> secret_of;
    std::function<std::vector<prometheus::MetricFamily>()> figures;  // all that are to be sent
  };
  // Null where no endpoint is named. Errors: invalid_argument: an endpoint that is none, a header's value
  // that stands there itself; not_found: a value that is not where it is said to be.
  static Result<std::unique_ptr<Telemetry>> make(const TelemetryConfig& config, Parts parts);

  Tracer& tracer() { return tracer_; }
  bool keeps_content() const { return content_; }
  void start() { exporter_.start(); }
  void stop() { exporter_.stop(); }
  std::vector<prometheus::MetricFamily> own_figures() const { return exporter_.own_figures(); }

 private:
  Telemetry(const TelemetryConfig& config, Parts parts, std::unique_ptr<Collector> collector);
  const bool content_;
  Exporter exporter_;
  Tracer tracer_;
};

}  // namespace acloud::telemetry
