#include "ledger/money.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "ledger/testing/money.h"
#include "ledger/testing/rational.h"

namespace acloud::ledger {
namespace {

using testing::Rational;
using testing::rational;

using testing::money;

// Any amount that fits, also far below zero.
rc::Gen<Money> any_money() {
  return rc::gen::map(rc::gen::pair(rc::gen::inRange<std::int64_t>(-1'000'000'000'000, 1'000'000'000'000),
                                    rc::gen::inRange<std::int64_t>(0, 1'000'000'000'000)),
                      [](const auto& columns) { return Money::from_columns(columns.first, columns.second); });
}

TEST(Money, ReadsDecimalsAndWritesThemPlainly) {
  EXPECT_EQ(money("0").text(), "0");
  EXPECT_EQ(money("-0").text(), "0");
  EXPECT_EQ(money("12.340").text(), "12.34");
  EXPECT_EQ(money("-0.5").text(), "-0.5");
  EXPECT_EQ(money("1.25e-07").text(), "0.000000125");
  EXPECT_EQ(money("5E+2").text(), "500");
  EXPECT_EQ(money("0.000000000000000001").text(), "0.000000000000000001");
  EXPECT_EQ(money("1000000000000").text(), "1000000000000");
  EXPECT_EQ(money("0.0000000000000000010").text(), "0.000000000000000001");
}

TEST(Money, RefusesWhatIsNoAmount) {
  for (const std::string_view text :
       {"", "-", ".", ".5", "5.", "1e", "1e99", "0x1", "1,5", " 1", "1 ", "+1", "nan", "inf", "1000000000001",
        "0.0000000000000000001", "1e-19", "99999999999999999999999999999999999999999999"}) {
    EXPECT_EQ(Money::parse(text).error().code(), ErrorCode::invalid_argument) << text;
  }
  EXPECT_FALSE(Money::parse("0.1234", 3));
  EXPECT_FALSE(Money::parse(std::string(65, '1')));
}

TEST(Money, RoundsAHalfToTheEvenDigit) {
  const auto rounded = [](std::string_view text) { return Money::parse_rounded(text, 2)->text(); };
  EXPECT_EQ(rounded("0.125"), "0.12");
  EXPECT_EQ(rounded("0.135"), "0.14");
  EXPECT_EQ(rounded("0.1250000001"), "0.13");
  EXPECT_EQ(rounded("-0.135"), "-0.14");
  EXPECT_EQ(rounded("0.005"), "0");
  EXPECT_EQ(rounded("9.999"), "10");
  EXPECT_EQ(rounded("7e-9"), "0");
}

TEST(Money, IsAStringInJsonAndTakesANumberAsItIsWritten) {
  EXPECT_EQ(encode(money("1.5")), "\"1.5\"");
  EXPECT_EQ(decode<Money>(*parse_json("\"1.5\""))->text(), "1.5");
  EXPECT_EQ(decode<Money>(*parse_json("0.1"))->text(), "0.1");
  EXPECT_EQ(decode<Money>(*parse_json("1.25e-07"))->text(), "0.000000125");
  EXPECT_EQ(decode<Money>(*parse_json("3"))->text(), "3");
  EXPECT_FALSE(decode<Money>(*parse_json("true")));
  EXPECT_FALSE(decode<Money>(*parse_json("\"one\"")));
}

RC_GTEST_PROP(MoneyProperty, IsReadBackAsItIsWritten, ()) {
  const Money amount = *any_money();
  RC_ASSERT(money(amount.text()) == amount);
  RC_ASSERT(Money::from_columns(amount.micro(), amount.rest()) == amount);
  RC_ASSERT(amount.rest() >= 0);
}

RC_GTEST_PROP(MoneyProperty, ReckonsAsExactRationalsDo, ()) {
  const Money a = *any_money();
  const Money b = *any_money();
  const auto count = *rc::gen::inRange<std::int64_t>(-1'000'000, 1'000'000);
  RC_ASSERT(rational(a + b) == rational(a) + rational(b));
  RC_ASSERT(rational(a - b) == rational(a) - rational(b));
  RC_ASSERT(rational(a * count) == rational(a) * count);
  RC_ASSERT((a < b) == (rational(a) < rational(b)));
}

RC_GTEST_PROP(MoneyProperty, SumsOfColumnsAreTheSum, ()) {
  const auto amounts = *rc::gen::container<std::vector<Money>>(any_money());
  std::int64_t micro = 0;
  std::int64_t rest = 0;
  Rational sum = 0;
  for (const Money amount : amounts) {
    micro += amount.micro();
    rest += amount.rest();
    sum += rational(amount);
  }
  RC_ASSERT(rational(Money::from_columns(micro, rest)) == sum);
}

RC_GTEST_PROP(MoneyProperty, RoundingIsTheNearestDecimal, ()) {
  const Money amount = *any_money();
  const auto decimals = *rc::gen::inRange(0, Money::kDecimals);
  const Money rounded = Money::parse_rounded(amount.text(), decimals).value();
  Rational step = 1;
  for (int i = 0; i < decimals; ++i) step /= 10;
  RC_ASSERT(2 * abs(rational(rounded) - rational(amount)) <= step);
  RC_ASSERT(denominator(Rational(rational(rounded) / step)) == 1);
}

}  // namespace
}  // namespace acloud::ledger
