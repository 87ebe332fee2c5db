#include "model/hedge.h"

#include <gtest/gtest.h>

namespace acloud::model {
namespace {

using namespace std::chrono_literals;

// One side of the race: how long it takes, and whether it is well then.
struct Side {
  Duration takes;
  bool well = true;
  bool ran = false;
  bool stopped = false;
};

Task<Result<>> run_side(Side& side) {
  side.ran = true;
  const auto slept = co_await async::sleep_for(side.takes);
  side.stopped = !slept;
  if (!slept) co_return slept;
  co_return side.well ? Result<>() : fail(ErrorCode::unavailable, "after {}", side.takes.count());
}

class Race : public testing::Test {
 protected:
  Raced race_of(Side& first, Side& second, std::stop_token stop = {}) {
    const Instant began = loop_.now();
    Raced raced = loop_.run_until_done(
        race(run_side(first), 1s, [&second] { return run_side(second); }).with_stop(std::move(stop)));
    took_ = loop_.now() - began;
    return raced;
  }

  ManualClock clock_;
  async::EventLoop loop_{clock_};
  Duration took_{};
};

TEST_F(Race, WhoIsQuickRunsAlone) {
  Side first{500ms};
  Side second{1ms};
  const Raced raced = race_of(first, second);
  EXPECT_EQ(raced.winner, 0U);
  EXPECT_TRUE(raced.result());
  EXPECT_FALSE(second.ran);
  EXPECT_FALSE(raced.results[1]);
  EXPECT_EQ(took_, 500ms);
}

TEST_F(Race, TheFirstUsefulAnswerWinsAndTheOtherIsCancelledAtOnce) {
  Side slow{10s};
  Side quick{200ms};
  Raced raced = race_of(slow, quick);
  EXPECT_EQ(raced.winner, 1U);
  EXPECT_TRUE(raced.result());
  EXPECT_TRUE(slow.stopped);
  EXPECT_EQ(raced.results[0]->error().code(), ErrorCode::cancelled);
  EXPECT_EQ(took_, 1200ms);

  Side first{1500ms};
  Side second{10s};
  raced = race_of(first, second);
  EXPECT_EQ(raced.winner, 0U);
  EXPECT_TRUE(second.stopped);
  EXPECT_EQ(took_, 1500ms);
}

TEST_F(Race, AFailureIsNoAnswerWhileTheOtherRuns) {
  Side first{1100ms, false};
  Side second{1s};
  EXPECT_EQ(race_of(first, second).winner, 1U);
  EXPECT_EQ(took_, 2s);

  Side late{3s};
  Side fails{100ms, false};
  const Raced raced = race_of(late, fails);
  EXPECT_EQ(raced.winner, 0U);
  EXPECT_TRUE(raced.result());
  EXPECT_EQ(raced.results[1]->error().code(), ErrorCode::unavailable);
  EXPECT_EQ(took_, 3s);
}

TEST_F(Race, WhereBothFailTheFirstsErrorIsTold) {
  Side first{2s, false};
  Side second{500ms, false};
  const Raced raced = race_of(first, second);
  EXPECT_EQ(raced.winner, 0U);
  EXPECT_EQ(raced.result().error().message(), fmt::format("after {}", Duration(2s).count()));
}

TEST_F(Race, AFailureBeforeTheDelayHasNoSecond) {
  Side first{10ms, false};
  Side second{1ms};
  EXPECT_FALSE(race_of(first, second).result());
  EXPECT_FALSE(second.ran);
}

TEST_F(Race, AStopStopsBoth) {
  std::stop_source source;
  const auto timer = loop_.call_at(loop_.now() + 2s, [&source] { source.request_stop(); });
  Side first{1h};
  Side second{1h};
  const Raced raced = race_of(first, second, source.get_token());
  EXPECT_TRUE(first.stopped && second.stopped);
  EXPECT_EQ(raced.result().error().code(), ErrorCode::cancelled);
  EXPECT_EQ(took_, 2s);
}

}  // namespace
}  // namespace acloud::model
