#include "ledger/prices.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "ledger/testing/money.h"
#include "ledger/testing/rational.h"

namespace acloud::ledger {
namespace {

using testing::Rational;
using testing::rational;

using testing::money;

PriceSheet sheet_of(const Price& price) { return {.tiers = {{std::nullopt, price.rates().value()}}}; }

// A price for a million tokens with all the decimals it may have.
rc::Gen<Money> any_price() {
  return rc::gen::map(rc::gen::inRange<std::int64_t>(0, 1'000'000'000'000), [](std::int64_t billionths) {
    return Money::from_columns(billionths / 1000, billionths % 1000 * 1'000'000'000);
  });
}

rc::Gen<Rates> any_rates() {
  return rc::gen::map(
      rc::gen::tuple(any_price(), any_price(), rc::gen::maybe(any_price()),
                     rc::gen::element(CacheRules::none, CacheRules::bailian, CacheRules::anthropic)),
      [](const auto& parts) {
        const auto& [input, output, reasoning, rules] = parts;
        Price price{.input = input, .output = output, .cache_rules = rules};
        if (reasoning) price.reasoning = *reasoning;
        return price.rates().value();
      });
}

rc::Gen<PriceSheet> any_sheet() {
  return rc::gen::map(
      rc::gen::pair(rc::gen::nonEmpty(rc::gen::container<std::vector<Rates>>(any_rates())),
                    rc::gen::inRange<std::int64_t>(1, 50'000)),
      [](const auto& parts) {
        PriceSheet sheet;
        const std::size_t count = std::min<std::size_t>(parts.first.size(), 4);
        for (std::size_t i = 0; i < count; ++i) {
          sheet.tiers.push_back({static_cast<std::int64_t>(i + 1) * parts.second, parts.first[i]});
        }
        sheet.tiers.back().up_to.reset();
        return sheet;
      });
}

rc::Gen<Tokens> any_tokens() {
  const auto count = [] { return rc::gen::inRange<std::int64_t>(0, 60'000); };
  return rc::gen::map(rc::gen::tuple(count(), count(), count(), count(), count(), count()),
                      [](const auto& t) {
                        return Tokens{.input_uncached = std::get<0>(t),
                                      .cache_read = std::get<1>(t),
                                      .cache_write_5m = std::get<2>(t),
                                      .cache_write_1h = std::get<3>(t),
                                      .output = std::get<4>(t),
                                      .reasoning = std::get<5>(t)};
                      });
}

TEST(Prices, EachBucketHasItsPrice) {
  const PriceSheet sheet = sheet_of({.input = money("1.2"),
                                     .output = money("6"),
                                     .reasoning = money("12"),
                                     .cache_read = money("0.12"),
                                     .cache_write = money("1.5"),
                                     .cache_write_1h = money("2.4")});
  const Usage usage{.tokens = {.input_uncached = 1'000'000,
                               .cache_read = 1'000'000,
                               .cache_write_5m = 1'000'000,
                               .cache_write_1h = 1'000'000,
                               .output = 1'000'000,
                               .reasoning = 1'000'000}};
  EXPECT_EQ(sheet.cost(usage).text(), "23.22");
}

// Bailian's context cache: an implicit hit costs 20%, and creating one nothing beside the input; an explicit
// one costs 125% to create and 10% to hit. A batch costs half, without a discount for the cache.
TEST(Prices, BailiansRulesForItsCacheAndItsBatches) {
  const PriceSheet sheet =
      sheet_of({.input = money("10"), .output = money("40"), .cache_rules = CacheRules::bailian});
  const Tokens hit{.input_uncached = 100'000, .cache_read = 900'000};
  EXPECT_EQ(sheet.cost({.tokens = hit}).text(), "2.8");
  EXPECT_EQ(sheet.cost({.tokens = hit, .explicit_cache = true}).text(), "1.9");
  EXPECT_EQ(sheet.cost({.tokens = {.cache_write_5m = 1'000'000}, .explicit_cache = true}).text(), "12.5");
  EXPECT_EQ(sheet.cost({.tokens = hit, .batch = true}).text(), "5");
  EXPECT_EQ(sheet.cost({.tokens = {.output = 500'000, .reasoning = 500'000}, .batch = true}).text(), "20");
}

TEST(Prices, AnthropicsRules) {
  const PriceSheet sheet =
      sheet_of({.input = money("3"), .output = money("15"), .cache_rules = CacheRules::anthropic});
  EXPECT_EQ(sheet.cost({.tokens = {.cache_read = 1'000'000}}).text(), "0.3");
  EXPECT_EQ(sheet.cost({.tokens = {.cache_write_5m = 1'000'000}}).text(), "3.75");
  EXPECT_EQ(sheet.cost({.tokens = {.cache_write_1h = 1'000'000}}).text(), "6");
}

TEST(Prices, TheTierOfTheInputPricesTheWholeRequest) {
  PriceSheet sheet;
  sheet.tiers.push_back({200'000, Price{.input = money("1"), .output = money("2")}.rates().value()});
  sheet.tiers.push_back({std::nullopt, Price{.input = money("2"), .output = money("4")}.rates().value()});
  EXPECT_EQ(sheet.cost({.tokens = {.input_uncached = 200'000, .output = 100'000}}).text(), "0.4");
  EXPECT_EQ(
      sheet.cost({.tokens = {.input_uncached = 100'000, .cache_read = 100'001, .output = 100'000}}).text(),
      "0.800002");
}

TEST(Prices, WhatIsNotSaidOfTheLengthOfAReply) {
  PriceSheet sheet = sheet_of({.input = money("1"), .output = money("1")});
  EXPECT_EQ(sheet.bound({.model = "m"}).text(), "0.008192");
  sheet.max_output = 100;
  EXPECT_EQ(sheet.bound({.model = "m"}).text(), "0.0001");
  EXPECT_EQ(sheet.bound({.model = "m", .max_output = 7}).text(), "0.000007");
}

TEST(Prices, RefusesWhatIsNoPrice) {
  for (const std::string_view wrong : {"-1", "1000001", "0.0000000001"}) {
    EXPECT_EQ((Price{.input = money(wrong), .output = money("1")}).rates().error().code(),
              ErrorCode::invalid_argument);
    EXPECT_FALSE((Price{.input = money("1"), .output = money("1"), .cache_read = money(wrong)}).rates());
  }
}

TEST(PriceBook, TheConfigurationGoesBeforeWhatWasImported) {
  PriceBook book;
  const PriceSheet dear = sheet_of({.input = money("9"), .output = money("9")});
  const PriceSheet cheap = sheet_of({.input = money("1"), .output = money("1")});
  book.set_imported({{"a", dear}, {"b", dear}});
  book.set_configured({{"a", cheap}});
  EXPECT_EQ(*book.find("a"), cheap);
  EXPECT_EQ(*book.find("b"), dear);
  EXPECT_EQ(book.find("c"), nullptr);
  EXPECT_EQ(book.all().size(), 2U);
  const auto kept = book.find("a");
  book.set_configured({});
  EXPECT_EQ(*kept, cheap);
  EXPECT_EQ(*book.find("a"), dear);
}

RC_GTEST_PROP(PricesProperty, CostIsTheSumOfExactProducts, ()) {
  const PriceSheet sheet = *any_sheet();
  const Usage usage{.tokens = *any_tokens(),
                    .explicit_cache = *rc::gen::arbitrary<bool>(),
                    .batch = *rc::gen::arbitrary<bool>()};
  const Tokens& t = usage.tokens;
  const Tier* tier = &sheet.tiers.front();
  while (tier->up_to && t.input() > *tier->up_to) ++tier;
  const Rates& r = tier->rates;
  Rational expected;
  if (usage.batch) {
    expected = rational(r.batch_input) * t.input() + rational(r.batch_output) * (t.output + t.reasoning);
  } else {
    expected = rational(r.input) * t.input_uncached +
               rational(usage.explicit_cache ? r.cache_read_explicit : r.cache_read) * t.cache_read +
               rational(r.cache_write_5m) * t.cache_write_5m + rational(r.cache_write_1h) * t.cache_write_1h +
               rational(r.output) * t.output + rational(r.reasoning) * t.reasoning;
  }
  RC_ASSERT(rational(sheet.cost(usage)) == expected);
}

// Percentages of a price are exact: nothing is rounded on the way from a price list to a bill.
RC_GTEST_PROP(PricesProperty, SharesOfAPriceAreExact, ()) {
  const Money input = *any_price();
  const auto rates = [&](CacheRules rules) {
    return Price{.input = input, .output = input, .cache_rules = rules}.rates().value();
  };
  const Rational one = rational(input) / 1'000'000;
  const Rates bailian = rates(CacheRules::bailian);
  RC_ASSERT(rational(bailian.cache_read) == one / 5);
  RC_ASSERT(rational(bailian.cache_read_explicit) == one / 10);
  RC_ASSERT(rational(bailian.cache_write_5m) == one * 5 / 4);
  RC_ASSERT(rational(bailian.batch_input) == one / 2);
  RC_ASSERT(rational(rates(CacheRules::anthropic).cache_write_1h) == one * 2);
  RC_ASSERT(rational(rates(CacheRules::none).cache_read) == one);
}

RC_GTEST_PROP(PricesProperty, NoUseWithinAnEstimateCostsMoreThanItsBound, ()) {
  const PriceSheet sheet = *any_sheet();
  const Usage usage{.tokens = *any_tokens(),
                    .explicit_cache = *rc::gen::arbitrary<bool>(),
                    .batch = *rc::gen::arbitrary<bool>()};
  const auto slack = [] { return *rc::gen::inRange<std::int64_t>(0, 100'000); };
  const Estimate estimate{.model = "m",
                          .input = usage.tokens.input() + slack(),
                          .max_output = usage.tokens.output + usage.tokens.reasoning + slack(),
                          .batch = usage.batch};
  RC_ASSERT(sheet.cost(usage) <= sheet.bound(estimate));
}

}  // namespace
}  // namespace acloud::ledger
