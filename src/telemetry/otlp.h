// OTLP/JSON, as https://opentelemetry.io/docs/specs/otlp/ has it: ids in hexadecimal, 64-bit integers as
// strings, enumerations as numbers, names in lowerCamelCase. Pure: what to say in, bytes out.
#pragma once

#include <prometheus/metric_family.h>

#include <span>
#include <string>

#include "telemetry/span.h"

namespace acloud::telemetry {

// Who speaks.
struct Resource {
  std::string service;   // service.name
  std::string instance;  // service.instance.id
  std::string version;   // service.version, and the version of what made the figures
};

// An ExportTraceServiceRequest.
std::string otlp_traces(const Resource& resource, std::span<const FinishedSpan> spans);

// An ExportMetricsServiceRequest with the same figures that /metrics shows, under OpenTelemetry's names:
// gen_ai_client_token_usage is gen_ai.client.token.usage there, and a unit is a field instead of a suffix.
// Cumulative since `began`. "" where there are none.
std::string otlp_metrics(const Resource& resource, std::span<const prometheus::MetricFamily> families,
                         Time began, Time now);

}  // namespace acloud::telemetry
