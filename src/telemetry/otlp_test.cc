#include "telemetry/otlp.h"

#include <gtest/gtest.h>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <limits>

#include "base/json.h"

namespace acloud::telemetry {
namespace {

using namespace std::chrono_literals;

const Resource kResource{.service = "acloud", .instance = "i1", .version = "0.1.0"};

Json parsed(const std::string& text) {
  auto json = parse_json(text);
  EXPECT_TRUE(json) << text;
  return json ? *std::move(json) : Json();
}

TEST(OtlpTraces, HaveTheFormsThatTheProtocolAsksFor) {
  FinishedSpan span{.context = *parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
                    .parent = 0xAB,
                    .parent_is_remote = true,
                    .name = "chat \"gpt\"",
                    .kind = SpanKind::client,
                    .began = Time(1'700'000'000s),
                    .took = 1'500'000'001ns,
                    .attributes = {{"text", std::string("a\nb")},
                                   {"number", std::int64_t{1} << 60},
                                   {"share", 0.25},
                                   {"flag", true},
                                   {"list", std::vector<std::string>{"stop", "length"}}},
                    .links = {trace_named("task_1", 1)},
                    .failed = true};
  span.context.state = "v=1";
  const Json request = parsed(otlp_traces(kResource, {&span, 1}));
  const Json& resource = request["resourceSpans"][0]["resource"]["attributes"];
  EXPECT_EQ(resource[0], Json::parse(R"({"key":"service.name","value":{"stringValue":"acloud"}})"));
  const Json& scope = request["resourceSpans"][0]["scopeSpans"][0];
  EXPECT_EQ(scope["scope"], Json::parse(R"({"name":"acloud","version":"0.1.0"})"));
  const TraceContext task = trace_named("task_1", 1);
  EXPECT_EQ(scope["spans"], Json::parse(fmt::format(R"([{{
    "traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7","traceState":"v=1",
    "parentSpanId":"00000000000000ab","flags":769,"name":"chat \"gpt\"","kind":3,
    "startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000001500000001",
    "attributes":[
      {{"key":"text","value":{{"stringValue":"a\nb"}}}},
      {{"key":"number","value":{{"intValue":"1152921504606846976"}}}},
      {{"key":"share","value":{{"doubleValue":0.25}}}},
      {{"key":"flag","value":{{"boolValue":true}}}},
      {{"key":"list","value":{{"arrayValue":{{"values":[{{"stringValue":"stop"}},{{"stringValue":"length"}}]}}}}}}],
    "links":[{{"traceId":"{}","spanId":"{}"}}],
    "status":{{"code":2}}}}])",
                                                    trace_id_text(task), span_id_text(task.span))));
}

TEST(OtlpTraces, OfARootThatWasWellSayNoMore) {
  const FinishedSpan span{.context = trace_named("x", 1), .name = "root"};
  const Json request = parsed(otlp_traces(kResource, {&span, 1}));
  const Json& said = request["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
  EXPECT_EQ(said["flags"], 257);
  for (const char* name : {"parentSpanId", "links", "status", "traceState"})
    EXPECT_FALSE(said.contains(name));
}

TEST(OtlpMetrics, AreThoseOfPrometheusUnderTheirOwnNames) {
  prometheus::Registry registry;
  auto& usage =
      prometheus::BuildHistogram().Name("gen_ai_client_token_usage").Help("Tokens.").Register(registry);
  auto& of_gpt = usage.Add({{"gen_ai_token_type", "input"}, {"gen_ai_request_model", "gpt"}},
                           prometheus::Histogram::BucketBoundaries{1, 4, 16});
  for (const double tokens : {0.5, 3.0, 3.0, 100.0}) of_gpt.Observe(tokens);
  prometheus::BuildHistogram()
      .Name("acloud_call_duration_seconds")
      .Help("")
      .Register(registry)
      .Add({}, prometheus::Histogram::BucketBoundaries{1});
  prometheus::BuildCounter()
      .Name("acloud_calls_total")
      .Help("Calls.")
      .Register(registry)
      .Add({})
      .Increment(7);
  prometheus::BuildCounter().Name("acloud_nothing_total").Help("").Register(registry);
  auto families = registry.Collect();
  prometheus::MetricFamily gauge{"process_resident_memory_bytes", "", prometheus::MetricType::Gauge, {{}}};
  gauge.metric[0].gauge.value = 1.5;
  families.push_back(gauge);

  const Json request = parsed(otlp_metrics(kResource, families, Time(1s), Time(2s)));
  std::map<std::string, Json> by_name;
  for (const Json& metric : request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"])
    by_name[metric["name"]] = metric;
  EXPECT_EQ(by_name.size(), 4u);

  EXPECT_EQ(by_name["gen_ai.client.token.usage"], Json::parse(R"({"name":"gen_ai.client.token.usage",
    "description":"Tokens.","unit":"{token}","histogram":{"aggregationTemporality":2,"dataPoints":[{
      "attributes":[{"key":"gen_ai.request.model","value":{"stringValue":"gpt"}},
                    {"key":"gen_ai.token.type","value":{"stringValue":"input"}}],
      "startTimeUnixNano":"1000000000","timeUnixNano":"2000000000","count":"4","sum":106.5,
      "bucketCounts":["1","2","0","1"],"explicitBounds":[1.0,4.0,16.0]}]}})"));
  EXPECT_EQ(by_name["acloud_call_duration"]["unit"], "s");
  const Json& calls = by_name["acloud_calls"]["sum"];
  EXPECT_EQ(calls["isMonotonic"], true);
  EXPECT_EQ(calls["aggregationTemporality"], 2);
  EXPECT_EQ(calls["dataPoints"][0]["asDouble"], 7.0);
  EXPECT_EQ(by_name["process_resident_memory"]["unit"], "By");
  EXPECT_EQ(by_name["process_resident_memory"]["gauge"]["dataPoints"][0]["asDouble"], 1.5);
}

TEST(OtlpMetrics, AreNothingWhereThereAreNone) {
  EXPECT_EQ(otlp_metrics(kResource, {}, Time(1s), Time(2s)), "");
}

TEST(OtlpMetrics, WriteWhatIsNoNumberAsProtobufDoes) {
  prometheus::MetricFamily gauge{"x", "", prometheus::MetricType::Gauge, {{}}};
  gauge.metric[0].gauge.value = std::numeric_limits<double>::infinity();
  const Json request = parsed(otlp_metrics(kResource, {&gauge, 1}, Time(1s), Time(2s)));
  EXPECT_EQ(
      request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["gauge"]["dataPoints"][0]["asDouble"],
      "Infinity");
}

}  // namespace
}  // namespace acloud::telemetry
