#include "ledger/usage_tables.h"

#include <gtest/gtest.h>

#include "store/testing/databases.h"

namespace acloud::ledger {
namespace {

using namespace std::chrono_literals;

const Time kNine{std::chrono::sys_days{std::chrono::year(2026) / 11 / 24} + 9h};

Charge use(Time at, std::string model, Tokens tokens) {
  return {.at = at, .model = std::move(model), .tokens = tokens, .cost = Money::parse("0.9999999").value()};
}

class UsageTablesTest : public store::testing::OnEachDatabase {
 protected:
  static Entry entry(std::string_view request_id, Time started, std::span<const Charge> charges) {
    return {.request_id = request_id,
            .started = started,
            .workspace = "w",
            .key = "key_1",
            .principal = "task_1",
            .operation = "model.chat",
            .outcome = "ok",
            .charges = charges};
  }
  void keep(const std::string& instance, std::vector<Entry> entries) {
    const UsageTables tables(instance);
    ASSERT_TRUE(
        run(database_.write_durably([&](store::Transaction& tx) { return tables.keep_in(tx, entries); })));
  }
  // One number of the database.
  std::int64_t number(const std::string& sql) {
    const auto rows = run(database_.query(sql));
    return rows.value().at(0).integer(0);
  }

  store::Database& database_ = open(UsageTables::migrations());
};

TEST_P(UsageTablesTest, KeepsARowForEachUseAndTheirSumsByTheHour) {
  const std::vector first{use(kNine, "a", {.input_uncached = 10, .output = 3})};
  const std::vector second{use(kNine + 59min, "a", {.input_uncached = 1, .cache_read = 7, .reasoning = 4})};
  const std::vector third{use(kNine + 61min, "a", {.input_uncached = 1})};
  keep("one", {entry("r1", kNine, first), entry("r2", kNine, second)});
  keep("two", {entry("r3", kNine, third)});
  EXPECT_EQ(number("SELECT COUNT(*) FROM usage_calls WHERE task = 'task_1'"), 3);
  const auto totals = run(database_.query(
      "SELECT calls, input_uncached, cache_read, output, reasoning, instance, cost_micro, cost_rest FROM "
      "usage_totals ORDER BY hour"));
  ASSERT_EQ(totals->size(), 2U);
  const auto& nine = totals->at(0);
  EXPECT_EQ(nine.integer(0), 2);
  EXPECT_EQ(nine.integer(1), 11);
  EXPECT_EQ(nine.integer(2), 7);
  EXPECT_EQ(nine.integer(3), 3);
  EXPECT_EQ(nine.integer(4), 4);
  EXPECT_EQ(Money::from_columns(nine.integer(6), nine.integer(7)).text(), "1.9999998");
  EXPECT_EQ(totals->at(1).text(5), "two");
}

TEST_P(UsageTablesTest, ACallIsCountedOnceHoweverOftenItIsKept) {
  const std::vector usage{use(kNine, "a", {.output = 5}), use(kNine, "b", {.output = 2})};
  for (int i = 0; i < 3; ++i) keep("one", {entry("r1", kNine, usage)});
  EXPECT_EQ(number("SELECT CAST(SUM(calls) AS BIGINT) FROM usage_totals"), 1);
  EXPECT_EQ(number("SELECT CAST(SUM(output) AS BIGINT) FROM usage_totals"), 7);
  EXPECT_EQ(number("SELECT COUNT(*) FROM usage_calls"), 2);
}

TEST_P(UsageTablesTest, CallsThatUseNoModelAreCountedAlone) {
  keep("one", {entry("r1", kNine, {}), entry("r2", kNine, {})});
  EXPECT_EQ(number("SELECT calls FROM usage_totals WHERE model = ''"), 2);
  EXPECT_EQ(number("SELECT COUNT(*) FROM usage_calls"), 0);
}

INSTANTIATE_TEST_SUITE_P(Databases, UsageTablesTest, store::testing::each_database(),
                         store::testing::name_of);

}  // namespace
}  // namespace acloud::ledger
