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

TEST(Growth, IsByTheMinuteBeforeButForAFloor) {
  EXPECT_EQ(growth_allowed(0, 200, 1000), 100);
  EXPECT_EQ(growth_allowed(50, 200, 1000), 100);
  EXPECT_EQ(growth_allowed(51, 200, 1000), 102);
  EXPECT_EQ(growth_allowed(333, 150, 1000), 499);
  EXPECT_EQ(growth_allowed(0, 200, 5), 1);
  EXPECT_EQ(growth_allowed(1'000'000'000'000, 100'000, 1), 1'000'000'000'000'000);
}

TEST(RateLimits, ABurstOfCallsIsRefusedAlsoBelowTheLimit) {
  ManualClock clock;
  RateLimits limits(clock);
  const auto rules = rule({.rpm = 100, .growth_percent = 150});
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(limits.take(rules, 1'000'000));  // tokens have no limit
  const auto refused = limits.take(rules, 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::rate_limited);
  EXPECT_EQ(refused.error().details().at("kind"), "growth");
  EXPECT_EQ(refused.error().details().at("of"), "requests");
  EXPECT_EQ(refused.error().details().at("limit"), 10);
  EXPECT_EQ(refused.error().retry_after(), 61s);  // when these ten are the minute before
  clock.advance(61s);
  for (int i = 0; i < 15; ++i) ASSERT_TRUE(limits.take(rules, 0));
  EXPECT_FALSE(limits.take(rules, 0));
  clock.advance(61s);
  for (int i = 0; i < 22; ++i) ASSERT_TRUE(limits.take(rules, 0));
  EXPECT_FALSE(limits.take(rules, 0));
  clock.advance(10min);  // and from nothing again
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(limits.take(rules, 0));
  EXPECT_FALSE(limits.take(rules, 0));
}

TEST(Refusals, SayWhatIsWrong) {
  EXPECT_NE(over_growth("tokens", "key k", {10, 3, 5s}, 7).error().message().find("3 are left"),
            std::string::npos);
  EXPECT_NE(over_rate("tokens", "key k", {10, 3, 5s}, 7).error().message().find("3 are left"),
            std::string::npos);
  const Budget budget{.id = "bud_1", .scope = {"w", ScopeKind::key, "k"}, .limit = *Money::parse("5")};
  const Error error = over_budget(budget, *Money::parse("4"), *Money::parse("2"), Time{}).error();
  EXPECT_NE(error.message().find("bud_1"), std::string::npos);
  EXPECT_EQ(error.details().at("remaining"), "1");
}

TEST(RateLimits, GrowthNeedsALimitToGoBy) {
  EXPECT_FALSE(check(RateLimit{.growth_percent = 200}));
  EXPECT_TRUE(check(RateLimit{.rpm = 1, .growth_percent = 200}));
  EXPECT_TRUE(check(RateLimit{}));
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

// Growth, by its formula, on random histories: what is granted keeps to it, what is refused would not have,
// and the time that a refusal names is the first at which the call may begin.
RC_GTEST_PROP(RateLimitsProperty, GrowthIsAsItsFormulaSays, ()) {
  ManualClock clock;
  RateLimits limits(clock);
  const std::int64_t limit = *rc::gen::inRange<std::int64_t>(1, 400);
  const std::int64_t percent = *rc::gen::inRange<std::int64_t>(100, 400);
  const auto rules = rule({.tpm = limit, .growth_percent = percent});
  std::map<std::int64_t, std::int64_t> granted;  // tokens by second
  const auto count = [&](std::int64_t from, std::int64_t to) {
    std::int64_t sum = 0;
    for (auto at = granted.lower_bound(from); at != granted.end() && at->first <= to; ++at) sum += at->second;
    return sum;
  };
  const auto fits = [&](std::int64_t second, std::int64_t tokens) {
    const std::int64_t floor = std::max<std::int64_t>(1, limit / 10);
    return count(second - 60, second) + tokens <=
           std::max(floor, count(second - 121, second - 61) * percent / 100);
  };
  const int steps = *rc::gen::inRange(1, 150);
  for (int i = 0; i < steps; ++i) {
    clock.advance(std::chrono::milliseconds(*rc::gen::inRange(0, 20'000)));
    const auto second = std::chrono::floor<std::chrono::seconds>(clock.now()).time_since_epoch().count();
    const auto tokens = *rc::gen::inRange<std::int64_t>(0, 40);
    const bool below = count(second - 60, second) + tokens <= limit;
    const auto taken = limits.take(rules, tokens);
    RC_ASSERT(taken.has_value() == (below && fits(second, tokens)));
    if (taken) {
      granted[second] += tokens;
    } else if (below) {
      std::int64_t first = second + 1;
      while (first < second + 122 && !fits(first, tokens)) ++first;
      RC_ASSERT(*taken.error().retry_after() == std::chrono::seconds(first - second));
    }
  }
}

// Who sends no more than the floor is never told to grow more slowly.
RC_GTEST_PROP(RateLimitsProperty, WhatIsSmallMayBegin, ()) {
  ManualClock clock;
  RateLimits limits(clock);
  const auto floor = *rc::gen::inRange<int>(1, 20);
  const auto rules = rule({.rpm = 10 * floor, .growth_percent = 100});
  for (int minute = 0; minute < 4; ++minute) {
    for (int i = 0; i < floor; ++i) RC_ASSERT(limits.take(rules, 0).has_value());
    clock.advance(61s);
  }
}

}  // namespace
}  // namespace acloud::ledger
