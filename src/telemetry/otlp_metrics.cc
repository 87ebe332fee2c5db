#include <array>

#include "base/json.h"
#include "telemetry/otlp_text.h"

namespace acloud::telemetry {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr int kCumulative = 2;  // AGGREGATION_TEMPORALITY_CUMULATIVE

struct Name {
  std::string_view prometheus;
  std::string_view opentelemetry;
};

// Names that are OpenTelemetry's, whose dots Prometheus can't write.
constexpr std::array kMetrics{
    Name{"gen_ai_client_operation_duration", "gen_ai.client.operation.duration"},
    Name{"gen_ai_client_token_usage", "gen_ai.client.token.usage"},
    Name{"gen_ai_server_request_duration", "gen_ai.server.request.duration"},
    Name{"gen_ai_server_time_to_first_token", "gen_ai.server.time_to_first_token"},
    Name{"gen_ai_server_time_per_output_token", "gen_ai.server.time_per_output_token"},
};
constexpr std::array kLabels{
    Name{"gen_ai_operation_name", "gen_ai.operation.name"},
    Name{"gen_ai_provider_name", "gen_ai.provider.name"},
    Name{"gen_ai_request_model", "gen_ai.request.model"},
    Name{"gen_ai_token_type", "gen_ai.token.type"},
    Name{"error_type", "error.type"},
};
// Suffixes of Prometheus' names, and the unit that they stand for.
constexpr std::array kUnits{Name{"_seconds", "s"}, Name{"_bytes", "By"}};

std::string_view known(std::span<const Name> names, std::string_view name) {
  for (const Name& each : names) {
    if (each.prometheus == name) return each.opentelemetry;
  }
  return name;
}

struct Described {
  std::string_view name;
  std::string_view unit;
};

Described described(std::string_view name) {
  if (name.ends_with("_total")) name.remove_suffix(std::string_view("_total").size());
  std::string_view unit = "1";
  for (const Name& each : kUnits) {
    if (!name.ends_with(each.prometheus)) continue;
    name.remove_suffix(each.prometheus.size());
    unit = each.opentelemetry;
  }
  if (name == "gen_ai_client_token_usage") unit = "{token}";
  return {known(kMetrics, name), unit};
}

class Writer {
 public:
  Writer(std::string& out, Time began, Time now)
      : out_(out),
        moments_(fmt::format(R"("startTimeUnixNano":{},"timeUnixNano":{})", nanoseconds_text(began),
                             nanoseconds_text(now))) {}

  void family(const MetricFamily& family) {
    const auto [name, unit] = described(family.name);
    out_ += R"({"name":)";
    append_json_string(out_, name);
    out_ += R"(,"description":)";
    append_json_string(out_, family.help);
    out_ += fmt::format(R"(,"unit":"{}","{}":{{"dataPoints":[)", unit, kind(family.type));
    Commas commas(out_);
    for (const ClientMetric& metric : family.metric) {
      commas.next();
      point(family.type, metric);
    }
    out_ += ']';
    if (family.type != MetricType::Gauge) out_ += fmt::format(R"(,"aggregationTemporality":{})", kCumulative);
    if (family.type == MetricType::Counter) out_ += R"(,"isMonotonic":true)";
    out_ += "}}";
  }

 private:
  static std::string_view kind(MetricType type) {
    if (type == MetricType::Histogram) return "histogram";
    return type == MetricType::Counter ? "sum" : "gauge";
  }

  void point(MetricType type, const ClientMetric& metric) {
    out_ += R"({"attributes":[)";
    Commas commas(out_);
    for (const ClientMetric::Label& label : metric.label) {
      commas.next();
      append_attribute(out_, known(kLabels, label.name), label.value);
    }
    out_ += "]," + moments_;
    if (type == MetricType::Histogram) {
      buckets(metric.histogram);
    } else {
      out_ += R"(,"asDouble":)";
      append_double(out_, type == MetricType::Counter ? metric.counter.value : metric.gauge.value);
    }
    out_ += '}';
  }

  // Prometheus counts what is up to a bound, OTLP what is between two.
  void buckets(const ClientMetric::Histogram& histogram) {
    out_ += fmt::format(R"(,"count":"{}","sum":)", histogram.sample_count);
    append_double(out_, histogram.sample_sum);
    out_ += R"(,"bucketCounts":[)";
    Commas counts(out_);
    std::uint64_t before = 0;
    for (const ClientMetric::Bucket& bucket : histogram.bucket) {
      counts.next();
      out_ +=
          fmt::format(R"("{}")", bucket.cumulative_count - std::exchange(before, bucket.cumulative_count));
    }
    out_ += R"(],"explicitBounds":[)";
    Commas bounds(out_);
    for (std::size_t i = 0; i + 1 < histogram.bucket.size(); ++i) {
      bounds.next();
      append_double(out_, histogram.bucket[i].upper_bound);
    }
    out_ += ']';
  }

  std::string& out_;
  const std::string moments_;
};

}  // namespace

std::string otlp_metrics(const Resource& resource, std::span<const MetricFamily> families, Time began,
                         Time now) {
  std::string out = R"({"resourceMetrics":[{)";
  append_envelope(out, resource, "scopeMetrics");
  out += R"("metrics":[)";
  Writer writer(out, began, now);
  Commas commas(out);
  bool any = false;
  for (const MetricFamily& family : families) {
    if (family.metric.empty()) continue;
    any = true;
    commas.next();
    writer.family(family);
  }
  return any ? out + "]}]}]}" : std::string();
}

}  // namespace acloud::telemetry
