#include "telemetry/trace.h"

#include <gtest/gtest.h>

namespace acloud::telemetry {
namespace {

constexpr const char* kParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(Traceparent, IsReadAndWrittenAsTheStandardHasIt) {
  const auto context = parse_traceparent(kParent);
  ASSERT_TRUE(context);
  EXPECT_EQ(trace_id_text(*context), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(span_id_text(context->span), "00f067aa0ba902b7");
  EXPECT_TRUE(context->sampled);
  EXPECT_EQ(to_traceparent(*context), kParent);
  EXPECT_FALSE(parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02")->sampled);
}

TEST(Traceparent, OfAVersionToComeIsReadAsFarAsItIsKnown) {
  EXPECT_TRUE(parse_traceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
  EXPECT_TRUE(parse_traceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes"));
  EXPECT_FALSE(parse_traceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what"));
  EXPECT_FALSE(parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"));
}

TEST(Traceparent, OfAnotherFormIsNone) {
  for (const char* text : {"", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
                           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                           "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                           "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01"}) {
    EXPECT_FALSE(parse_traceparent(text)) << text;
  }
}

TEST(Headers, CarryStateAlongAndNothingWithoutAParent) {
  const net::Headers with{{"Traceparent", kParent}, {"TraceState", "vendor=1,other=2"}};
  const TraceContext context = trace_of(with);
  EXPECT_TRUE(context.valid());
  EXPECT_EQ(context.state, "vendor=1,other=2");
  net::Headers out{{"tracestate", "old=1"}};
  put_trace(out, context);
  EXPECT_EQ(out.value("traceparent"), kParent);
  EXPECT_EQ(out.value("tracestate"), "vendor=1,other=2");

  EXPECT_FALSE(trace_of({{"tracestate", "vendor=1"}}).valid());
  EXPECT_TRUE(trace_of({{"traceparent", kParent}, {"tracestate", std::string(513, 'a')}}).state.empty());
  net::Headers untouched;
  put_trace(untouched, {});
  EXPECT_EQ(untouched.size(), 0u);
}

TEST(Sampling, KeepsAboutItsShareAndSaysTheSameEachTime) {
  std::size_t kept = 0;
  for (int i = 0; i < 10'000; ++i) {
    const TraceContext context = trace_named(fmt::format("task_{}", i), 0.25);
    kept += context.sampled ? 1 : 0;
    EXPECT_EQ(context, trace_named(fmt::format("task_{}", i), 0.25));
  }
  EXPECT_NEAR(static_cast<double>(kept), 2500, 250);
  EXPECT_TRUE(is_sampled(trace_named("x", 0), 1));
  EXPECT_FALSE(is_sampled(trace_named("x", 0), 0));
}

}  // namespace
}  // namespace acloud::telemetry
