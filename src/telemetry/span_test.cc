#include "telemetry/span.h"

#include <gtest/gtest.h>

#include "telemetry/span_queue.h"

namespace acloud::telemetry {
namespace {

using namespace std::chrono_literals;

class Kept final : public SpanSink {
 public:
  void take(FinishedSpan span) noexcept override { spans.push_back(std::move(span)); }
  std::vector<FinishedSpan> spans;
};

class SpanTest : public testing::Test {
 protected:
  Kept kept_;
  ManualClock clock_;
  SeededRandom random_{7};
  Tracer tracer_{kept_, clock_, random_, 1};
};

TEST_F(SpanTest, StandsBelowItsParentAndTakesItsTime) {
  {
    Span outer = Scope{&tracer_, {}}.begin("outer", SpanKind::server);
    clock_.advance(2ms);
    Span inner = outer.inside().begin("inner", SpanKind::client);
    inner.set("answer", std::int64_t{42});
    clock_.advance(3ms);
  }
  ASSERT_EQ(kept_.spans.size(), 2u);
  const auto& [inner, outer] = std::tie(kept_.spans[0], kept_.spans[1]);
  EXPECT_EQ(inner.name, "inner");
  EXPECT_EQ(inner.parent, outer.context.span);
  EXPECT_EQ(trace_id_text(inner.context), trace_id_text(outer.context));
  EXPECT_EQ(outer.parent, 0u);
  EXPECT_FALSE(outer.parent_is_remote);
  EXPECT_EQ(inner.took, 3ms);
  EXPECT_EQ(outer.took, 5ms);
  EXPECT_EQ(inner.began - outer.began, 2ms);
  EXPECT_EQ(std::get<std::int64_t>(inner.attributes.at(0).value), 42);
}

TEST_F(SpanTest, FollowsTheCallersWishWhateverTheShareIs) {
  Tracer none(kept_, clock_, random_, 0);
  const auto asked = parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  {
    const Span span = none.begin(*asked, "kept", SpanKind::server);
  }
  const auto declined = parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
  const Span left_out = tracer_.begin(*declined, "left out", SpanKind::server);
  EXPECT_FALSE(left_out.recording());
  EXPECT_FALSE(none.begin({}, "left out", SpanKind::server).recording());
  ASSERT_EQ(kept_.spans.size(), 1u);
  EXPECT_TRUE(kept_.spans[0].parent_is_remote);
  // What goes on to others is the same trace, with a parent of its own.
  EXPECT_EQ(left_out.context().trace_low, declined->trace_low);
  EXPECT_NE(left_out.context().span, declined->span);
}

TEST_F(SpanTest, WithoutATracerPassesOnWhatCame) {
  const auto parent = parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  Span span = Scope{nullptr, *parent}.begin("nothing", SpanKind::internal);
  span.set("key", std::string("value"));
  span.fail("internal");
  EXPECT_FALSE(span.recording());
  EXPECT_EQ(span.context(), *parent);
}

TEST_F(SpanTest, IsBounded) {
  {
    Span span = tracer_.begin({}, std::string(5000, 'n'), SpanKind::internal);
    span.set("long", std::string(1023, 'a') + "é" + std::string(9000, 'b'));
    for (int i = 0; i < 1000; ++i) span.set("more", true);
    for (int i = 0; i < 1000; ++i)
      span.link(*parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
  }
  const FinishedSpan& span = kept_.spans.at(0);
  EXPECT_EQ(span.name.size(), Span::kTextBytes);
  EXPECT_EQ(std::get<std::string>(span.attributes[0].value),
            std::string(1023, 'a'));  // no half of a character
  EXPECT_EQ(span.attributes.size(), 128u);
  EXPECT_EQ(span.links.size(), 16u);
}

TEST_F(SpanTest, OfAThingWithItsOwnTraceBeganWhenThatDid) {
  const TraceContext self = trace_named("task_1", 1);
  const Time began = clock_.now();
  clock_.advance(1h);
  {
    const Span span = tracer_.begin_named(self, "invoke_agent", began);
  }
  EXPECT_EQ(kept_.spans.at(0).context, self);
  EXPECT_EQ(kept_.spans.at(0).took, 1h);
  EXPECT_EQ(kept_.spans.at(0).parent, 0u);
}

TEST(SpanQueue, DropsAndCountsWhatItHasNoRoomFor) {
  int rung = 0;
  SpanQueue queue({.spans = 5, .bytes = 1 << 20, .batch = 2, .batch_bytes = 1 << 20}, [&] { ++rung; });
  for (int i = 0; i < 8; ++i) queue.take({.name = fmt::format("{}", i)});
  EXPECT_EQ(queue.dropped(), 3u);
  EXPECT_EQ(rung, 2);
  EXPECT_EQ(queue.pop().at(1).name, "1");
  EXPECT_EQ(queue.pop().at(0).name, "2");
  EXPECT_EQ(queue.pop().size(), 1u);
  EXPECT_TRUE(queue.pop().empty());
}

TEST(SpanQueue, IsBoundedInBytesTooAndSoIsABatch) {
  SpanQueue queue({.spans = 1000, .bytes = 100'000, .batch = 100, .batch_bytes = 25'000}, [] {});
  for (int i = 0; i < 100; ++i) queue.take({.name = std::string(10'000, 'x')});
  EXPECT_EQ(queue.size(), 9u);
  EXPECT_EQ(queue.dropped(), 91u);
  EXPECT_EQ(queue.pop().size(), 2u);
  queue.take({.name = std::string(10'000, 'x')});
  EXPECT_EQ(queue.size(), 8u);
}

TEST(SpanQueue, GivesOneThatIsLargerThanABatchByItself) {
  SpanQueue queue({.spans = 10, .bytes = 100'000, .batch = 10, .batch_bytes = 1'000}, [] {});
  queue.take({.name = std::string(10'000, 'x')});
  queue.take({.name = "small"});
  EXPECT_EQ(queue.pop().size(), 1u);
  EXPECT_EQ(queue.pop().size(), 1u);
}

}  // namespace
}  // namespace acloud::telemetry
