// What /metrics shows: calls by operation and outcome, their duration, connections, the store's commits.
#pragma once

#include <prometheus/metric_family.h>

#include <functional>
#include <memory>
#include <string>

#include "kernel/call_path.h"

namespace acloud::surfaces {

class Metrics final : public kernel::CallObserver {
 public:
  // `sample` is asked at each scrape for figures that others keep, such as {"acloud_http_connections", 3}.
  struct Gauge {
    std::string name;
    std::string help;
    double value;
  };
  explicit Metrics(std::function<std::vector<Gauge>()> sample);
  ~Metrics() override;

  void finished(const kernel::CallRecord& record) override;  // thread-safe
  using Families = std::vector<prometheus::MetricFamily>;
  // `more` gives families that others keep, also as text. REQUIRES: before the first render().
  void include(std::function<Families()> more);
  void include_text(std::function<std::string()> more);
  // All but those that are text.
  Families collect();
  // Prometheus' text format 0.0.4.
  std::string render();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace acloud::surfaces
