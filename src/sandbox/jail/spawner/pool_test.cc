#include "sandbox/jail/spawner/pool.h"

#include <gtest/gtest.h>

namespace acloud::sandbox::jail {
namespace {

using namespace std::chrono_literals;

constexpr Demand::Instant kStart{1000h};
constexpr PoolBounds kBounds{.least = 8, .most = 128};

// `count` taken one after the other, `apart` each.
Demand take(Demand demand, int count, std::chrono::milliseconds apart, Demand::Instant start) {
  for (int i = 0; i < count; ++i) demand = after_take(demand, start + i * apart);
  return demand;
}

TEST(Pool, KeepsTheLeastWhereNothingIsTaken) {
  EXPECT_EQ(wanted({}, kBounds, kStart), 8u);
  EXPECT_EQ(wanted(take({}, 1, 0ms, kStart), kBounds, kStart), 8u);
}

TEST(Pool, HasAsManyForTheNextBurstAsTheLastOneTook) {
  const Demand demand = take({}, 100, 0ms, kStart);
  EXPECT_EQ(wanted(demand, kBounds, kStart), 100u);
  EXPECT_EQ(wanted(demand, kBounds, kStart + 5s), 50u);
}

TEST(Pool, GrowsWhileABurstGoesOn) {
  Demand demand;
  std::size_t before = kBounds.least;
  for (int second = 0; second < 4; ++second) {
    demand = take(demand, 20, 50ms, kStart + second * 1s);
    const std::size_t now = wanted(demand, kBounds, kStart + (second + 1) * 1s);
    EXPECT_GT(now, before);
    before = now;
  }
}

TEST(Pool, ShrinksStepByStepToTheLeast) {
  const Demand demand = take({}, 1000, 0ms, kStart);
  std::size_t before = kBounds.most;
  for (int second = 0; second < 40; ++second) {
    const std::size_t now = wanted(demand, kBounds, kStart + second * 1s);
    EXPECT_LE(now, before);
    before = now;
  }
  EXPECT_EQ(before, kBounds.least);
}

TEST(Pool, HasOfASteadyFlowWhatComesInSevenSeconds) {
  const Demand demand = take({}, 1000, 100ms, kStart);
  EXPECT_NEAR(static_cast<double>(wanted(demand, kBounds, kStart + 100s)), 72, 2);
}

TEST(Pool, LetsWhoHasTakenOneRunFirstUnlessFewAreLeft) {
  const Demand demand = take({}, 1, 0ms, kStart);
  EXPECT_EQ(refill_at(demand, 7, 8), kStart + kPoolRest);
  EXPECT_EQ(refill_at(demand, 4, 8), kStart + kPoolRest);
  EXPECT_EQ(refill_at(demand, 3, 8), kStart);
  EXPECT_EQ(refill_at(demand, 0, 0), kStart + kPoolRest);
}

TEST(Pool, StaysWithinItsBounds) {
  const Demand demand = take({}, 100'000, 0ms, kStart);
  EXPECT_EQ(wanted(demand, kBounds, kStart), 128u);
  EXPECT_EQ(wanted(demand, {.least = 16, .most = 0}, kStart), 16u);
  EXPECT_EQ(wanted({}, {}, kStart), 0u);
  EXPECT_EQ(wanted(demand, kBounds, kStart + 24h * 365), 8u);
}

}  // namespace
}  // namespace acloud::sandbox::jail
