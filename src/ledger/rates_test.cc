#include "ledger/rates.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace acloud::ledger {
namespace {

using namespace std::chrono_literals;

constexpr Payer kPayer{.workspace = "w", .key = "k", .principal = "p", .model = "m"};

std::vector<RateRule> rule(RateLimit limit) { return {{"c", "key k", limit}}; }

TEST(RateLimits, AllowsSoManyCallsAMinuteAndSaysWhenToComeAgain) {
  ManualClock clock;
  RateLimits limits(clock);
  const auto rules = rule({.rpm = 2});
  ASSERT_TRUE(limits.take(rules, 0));
  clock.advance(10s);
  const auto second = limits.take(rules, 0);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->standing.requests->remaining, 0);
  EXPECT_EQ(second->standing.requests->reset, 61s);
  const auto refused = limits.take(rules, 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::rate_limited);
  EXPECT_EQ(refused.error().retry_after(), 51s);
  EXPECT_EQ(refused.error().details().at("kind"), "requests");
  EXPECT_EQ(refused.error().details().at("limit"), 2);
  EXPECT_EQ(refused.error().details().at("remaining"), 0);
  clock.advance(50s);
  EXPECT_FALSE(limits.take(rules, 0));
  clock.advance(1s);
  EXPECT_TRUE(limits.take(rules, 0));
}

TEST(RateLimits, TokensAreCountedAsEstimatedAndThenAsUsed) {
  ManualClock clock;
  RateLimits limits(clock);
  const auto rules = rule({.tpm = 100});
  const auto first = limits.take(rules, 90);
  ASSERT_TRUE(first);
  EXPECT_FALSE(limits.take(rules, 11));
  limits.settle(first->shares, 20);
  const auto second = limits.take(rules, 80);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->standing.tokens->remaining, 0);
  limits.give_back(second->shares);
  EXPECT_TRUE(limits.take(rules, 80));
}

TEST(RateLimits, TrafficGrowsNoFasterThanItMay) {
  ManualClock clock;
  RateLimits limits(clock);
  const auto rules = rule({.tpm = 1000, .growth_percent = 200});
  ASSERT_TRUE(limits.take(rules, 100));  // a tenth of the limit, from nothing
  EXPECT_EQ(limits.take(rules, 1).error().details().at("kind"), "growth");
  clock.advance(61s);
  EXPECT_TRUE(limits.take(rules, 200));
  EXPECT_FALSE(limits.take(rules, 1));
}

TEST(RateLimits, OneRefusalCountsNowhere) {
  ManualClock clock;
  RateLimits limits(clock);
  const std::vector<RateRule> both{{"wide", "all", {.rpm = 10}}, {"narrow", "one", {.rpm = 0}}};
  EXPECT_FALSE(limits.take(both, 0));
  const std::vector<RateRule> wide{both.front()};
  EXPECT_EQ(limits.take(wide, 0)->standing.requests->remaining, 9);
}

TEST(RateLimits, WhoseLimitsApply) {
  ManualClock clock;
  RateLimits limits(clock);
  EXPECT_TRUE(limits.matching(kPayer).empty());
  limits.set_configured({{"m", {.rpm = 5, .each_key = RateLimit{.rpm = 1}}}, {"other", {.rpm = 1}}});
  limits.set_all({{"rate_1", {"w", ScopeKind::key, "k"}, "", {.rpm = 1}, false},
                  {"rate_2", {"w", ScopeKind::key, "k"}, "m", {.rpm = 1}, false},
                  {"rate_3", {"w", ScopeKind::key, "k"}, "other", {.rpm = 1}, false},
                  {"rate_4", {"elsewhere", ScopeKind::key, "k"}, "", {.rpm = 1}, false}});
  std::vector<std::string> counters;
  for (const RateRule& rule : limits.matching(kPayer)) counters.push_back(rule.counter);
  EXPECT_EQ(counters, (std::vector<std::string>{"model m", "model m key k", "rate_1", "rate_2"}));
}

// The promise, tried on random histories: in no sixty seconds are there more calls or tokens than the limit.
RC_GTEST_PROP(RateLimitsProperty, NoMinuteHasMoreThanTheLimit, ()) {
  ManualClock clock;
  RateLimits limits(clock);
  const RateLimit limit{.rpm = *rc::gen::inRange<std::int64_t>(0, 20),
                        .tpm = *rc::gen::inRange<std::int64_t>(0, 200)};
  struct Granted {
    Time at;
    std::int64_t tokens;
  };
  std::vector<Granted> granted;
  const int steps = *rc::gen::inRange(1, 200);
  for (int i = 0; i < steps; ++i) {
    clock.advance(std::chrono::milliseconds(*rc::gen::inRange(0, 5000)));
    const auto tokens = *rc::gen::inRange<std::int64_t>(0, 50);
    auto taken = limits.take(rule(limit), tokens);
    if (!taken) continue;
    const auto used = *rc::gen::inRange<std::int64_t>(0, tokens + 1);
    if (*rc::gen::arbitrary<bool>()) limits.settle(taken->shares, used);
    granted.push_back({clock.now(), used});
    std::int64_t calls = 0;
    std::int64_t sum = 0;
    for (const Granted& earlier : granted) {
      if (earlier.at <= clock.now() - 60s) continue;
      ++calls;
      sum += earlier.tokens;
    }
    RC_ASSERT(calls <= *limit.rpm);
    RC_ASSERT(sum <= *limit.tpm);
  }
}

}  // namespace
}  // namespace acloud::ledger
