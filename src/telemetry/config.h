// [telemetry] of acloud.toml.
#pragma once

#include <map>
#include <string>

#include "base/schema.h"

namespace acloud::telemetry {

struct TelemetryConfig {
  std::string endpoint;
  std::map<std::string, std::string> headers;
  std::string service_name = "acloud";
  double sample_ratio = 1;
  std::chrono::milliseconds spans_every{5'000};
  std::chrono::milliseconds metrics_every{60'000};
  std::chrono::milliseconds timeout{10'000};
  std::int64_t queued_spans = 4096;
  bool content = false;
  std::string ca_file;

  static constexpr auto schema = fields(
      field("endpoint", &TelemetryConfig::endpoint,
            "Base URL of an OTLP collector, such as http://127.0.0.1:4318. Empty: nothing is sent.",
            length(0, 2000)),
      field("headers", &TelemetryConfig::headers,
            "Sent with every request to it; each value is env:NAME or file:PATH."),
      field("service_name", &TelemetryConfig::service_name, "What the collector knows this cloud as.",
            length(1, 200)),
      field("sample_ratio", &TelemetryConfig::sample_ratio,
            "The share of traces to keep of those that begin here. A caller's own trace is kept where the "
            "caller says so.",
            between(0.0, 1.0)),
      field("spans_every_s", &TelemetryConfig::spans_every, "How long spans wait at most.",
            between(std::chrono::milliseconds(10), std::chrono::hours(1))),
      field("metrics_every_s", &TelemetryConfig::metrics_every, "How often figures are sent.",
            between(std::chrono::milliseconds(100), std::chrono::hours(24))),
      field("timeout_s", &TelemetryConfig::timeout, "For one request.",
            between(std::chrono::milliseconds(1), std::chrono::hours(1))),
      field("queued_spans", &TelemetryConfig::queued_spans, "Spans that wait at most.",
            between(512, 1'000'000)),
      field("content", &TelemetryConfig::content,
            "Send what models are asked and answer too. Those who may read the collector then read it all."),
      field("ca_file", &TelemetryConfig::ca_file,
            "PEM with the authorities to trust instead of the system's.", length(0, 2000)));
};

}  // namespace acloud::telemetry
