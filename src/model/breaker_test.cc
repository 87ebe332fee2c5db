#include "model/breaker.h"

#include <gtest/gtest.h>

namespace acloud::model {
namespace {

using namespace std::chrono_literals;
using State = Breaker::State;

const Instant kStart{1h};

Breaker opened() {
  Breaker breaker;
  for (int i = 0; i < 5; ++i) breaker.failed(kStart);
  return breaker;
}

TEST(Breaker, OpensAfterFailuresInARow) {
  Breaker breaker;
  for (int i = 0; i < 4; ++i) breaker.failed(kStart);
  breaker.succeeded();
  for (int i = 0; i < 4; ++i) breaker.failed(kStart);
  EXPECT_TRUE(breaker.allows(kStart));
  breaker.failed(kStart);
  EXPECT_FALSE(breaker.allows(kStart));
  EXPECT_EQ(breaker.wait(kStart + 1s), 4s);
  EXPECT_EQ(breaker.state(kStart), State::open);
}

TEST(Breaker, OpensWhereHalfOfTheRecentCallsFail) {
  Breaker breaker;
  for (int i = 0; i < 19; ++i) i % 2 == 0 ? breaker.failed(kStart) : breaker.succeeded();
  EXPECT_TRUE(breaker.allows(kStart));
  breaker.failed(kStart);
  EXPECT_FALSE(breaker.allows(kStart));
}

TEST(Breaker, LetsOneProbeThroughAndClosesWhereItSucceeds) {
  Breaker breaker = opened();
  const Instant later = kStart + 5s;
  EXPECT_EQ(breaker.state(later), State::half_open);
  ASSERT_TRUE(breaker.allows(later));
  breaker.begin(later);
  EXPECT_FALSE(breaker.allows(later));
  breaker.succeeded();
  EXPECT_EQ(breaker.state(later), State::closed);
  EXPECT_TRUE(breaker.allows(later));
}

TEST(Breaker, StaysOpenTwiceAsLongAfterAFailedProbeUpToALimit) {
  Breaker breaker = opened();
  Instant now = kStart;
  Duration expected = 5s;
  for (int i = 0; i < 10; ++i) {
    now += breaker.wait(now);
    ASSERT_TRUE(breaker.allows(now));
    breaker.begin(now);
    breaker.failed(now);
    expected = std::min<Duration>(2 * expected, 2min);
    EXPECT_EQ(breaker.wait(now), expected);
  }
}

TEST(Breaker, TakesNoLateReportForTheProbes) {
  Breaker breaker = opened();
  breaker.failed(kStart + 1s);  // began before it opened
  EXPECT_EQ(breaker.wait(kStart + 1s), 4s);
}

TEST(Breaker, GivesTheProbesPlaceToAnotherWhereItsClientLeft) {
  Breaker breaker = opened();
  breaker.begin(kStart + 5s);
  breaker.abandoned();
  EXPECT_TRUE(breaker.allows(kStart + 5s));
  breaker.begin(kStart + 5s);
  EXPECT_FALSE(breaker.allows(kStart + 6s));
  EXPECT_TRUE(breaker.allows(kStart + 1h));  // that probe never reported
}

TEST(RetryBudget, IsEarnedByCalls) {
  RetryBudget budget(0.25, 2);
  EXPECT_TRUE(budget.take());
  EXPECT_TRUE(budget.take());
  EXPECT_FALSE(budget.take());
  for (int i = 0; i < 3; ++i) budget.earn();
  EXPECT_FALSE(budget.take());
  budget.earn();
  EXPECT_TRUE(budget.take());
}

}  // namespace
}  // namespace acloud::model
