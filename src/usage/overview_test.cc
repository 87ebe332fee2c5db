// The operator's view of figures that were worked out by hand.
#include "usage/overview.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "ledger/ledger_tables.h"
#include "ledger/usage_tables.h"
#include "store/testing/databases.h"

namespace acloud::usage {
namespace {

using ledger::Money;

Time time_at(std::string_view text) { return *parse_rfc3339(text); }
Money amount(std::string_view text) { return *Money::parse(text); }

UsageItem sale(std::string workspace, std::string model, std::string_view cost, std::int64_t calls = 1) {
  return {.group = {{"workspace", std::move(workspace)}, {"model", std::move(model)}},
          .calls = calls,
          .tokens = {.output = calls},
          .cost = amount(cost),
          .currency = ""};
}

TEST(Overview, TellsCustomersApartByTheirRevenue) {
  const Sales sales{.now = {sale("a", "gpt", "1", 2), sale("a", "claude", "2"), sale("b", "gpt", "7"),
                            sale("c", "gpt", "0")},
                    .before = {sale("a", "gpt", "5"), sale("gone", "gpt", "4")},
                    .last_day = {sale("a", "claude", "0.5"), sale("b", "gpt", "0.1")}};
  const Overview made = overview_of(sales, {.limit = 2});
  ASSERT_EQ(made.customers.size(), 2U);
  EXPECT_EQ(made.customers[0].workspace, "b");
  EXPECT_DOUBLE_EQ(made.customers[0].share, 0.7);
  const CustomerLine& a = made.customers[1];
  EXPECT_EQ(a.revenue, amount("3"));
  EXPECT_EQ(a.revenue_before, amount("5"));
  EXPECT_EQ(a.calls, 3);
  EXPECT_EQ(a.run_rate.month, amount("15"));
  EXPECT_EQ(a.run_rate.year, amount("182.5"));
  ASSERT_EQ(a.models.size(), 2U);
  EXPECT_EQ(a.models[0].model, "claude");
  EXPECT_EQ(made.total.revenue, amount("10"));
  EXPECT_EQ(made.total.revenue_before, amount("9"));
  EXPECT_EQ(made.total.run_rate.day, amount("0.6"));
  EXPECT_EQ(made.others.customers, 2);  // one that brought nothing, one that is gone
  EXPECT_EQ(made.others.revenue_before, amount("4"));
  EXPECT_EQ(made.models[0].model, "gpt");
  EXPECT_EQ(made.models[0].revenue, amount("8"));
}

// Whatever the customers and the limit, nothing is lost and nothing counted twice.
RC_GTEST_PROP(OverviewProperty, ThePartsAreTheWhole, ()) {
  Sales sales;
  Money all;
  for (const int i : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 60))) {
    sales.now.push_back(
        sale(fmt::format("w{}", i % 7), fmt::format("m{}", i % 3), fmt::format("0.{}", i + 10)));
    all += sales.now.back().cost;
  }
  const Overview made = overview_of(sales, {.limit = *rc::gen::inRange<std::int64_t>(1, 10)});
  Money customers = made.others.revenue;
  double shares = 0;
  for (const CustomerLine& line : made.customers) {
    Money models;
    for (const ModelSales& model : line.models) models += model.revenue;
    RC_ASSERT(models == line.revenue);
    customers += line.revenue;
    shares += line.share;
  }
  RC_ASSERT(customers == all);
  RC_ASSERT(made.total.revenue == all);
  RC_ASSERT(shares < 1.000001);
}

class OverviewTest : public store::testing::OnEachDatabase {
 protected:
  OverviewTest() : database_(open(migrations())) {}

  static std::vector<store::Migration> migrations() {
    auto all = ledger::UsageTables::migrations();
    const auto more = ledger::tables::migrations();
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  void use(std::string_view when, std::string_view workspace, std::string_view key, std::string model,
           std::string_view cost) {
    const std::string id = fmt::format("req_{}", ++number_);
    const ledger::Charge charge{.at = time_at(when),
                                .model = std::move(model),
                                .provider = "p",
                                .tokens = {.output = 1},
                                .cost = amount(cost),
                                .priced = true};
    const ledger::Entry entry{.request_id = id,
                              .started = time_at(when),
                              .workspace = workspace,
                              .key = key,
                              .principal = "root",
                              .operation = "model.chat",
                              .outcome = "ok",
                              .charges = {&charge, 1}};
    const ledger::UsageTables tables("instance");
    ASSERT_TRUE(run(
        database_.write_durably([&](store::Transaction& tx) { return tables.keep_in(tx, {&entry, 1}); })));
  }
  void allow(ledger::Scope scope, std::string_view limit, ledger::Period period) {
    const ledger::Budget budget{
        .id = "bud_" + scope.id, .scope = scope, .limit = amount(limit), .period = period};
    ASSERT_TRUE(run(database_.write_durably(
        [&](store::Transaction& tx) { return ledger::tables::set_budget(tx, budget); })));
  }
  Overview see(Customer by) {
    OverviewOf request;
    request.from = time_at("2026-11-01T00:00:00Z");
    request.to = time_at("2026-12-01T00:00:00Z");
    request.by = by;
    return *run(database_.read([&](store::Reader& reader) {
      return overview(reader, request, time_at("2026-11-20T12:34:00Z"), "EUR");
    }));
  }

  int number_ = 0;
  store::Database& database_;
};

TEST_P(OverviewTest, IsReadFromTheLedger) {
  use("2026-10-05T00:00:00Z", "w", "key_a", "gpt", "8");  // the time before
  use("2026-11-01T00:00:00Z", "w", "key_a", "gpt", "1");
  use("2026-11-19T11:59:59Z", "w", "key_a", "gpt", "2");  // more than 24 whole hours ago
  use("2026-11-19T12:00:00Z", "w", "key_b", "claude", "0.25");
  use("2026-11-20T12:10:00Z", "w", "key_b", "gpt", "4");  // in the hour under way
  use("2026-11-02T00:00:00Z", "v", "key_c", "gpt", "3");
  allow({"w", ledger::ScopeKind::workspace, "w"}, "10", ledger::Period::month);
  allow({"w", ledger::ScopeKind::key, "key_b"}, "5", ledger::Period::day);
  allow({"v", ledger::ScopeKind::workspace, "v"}, "0", ledger::Period::total);

  const Overview made = see(Customer::workspace);
  ASSERT_EQ(made.customers.size(), 2U);
  const CustomerLine& w = made.customers[0];
  EXPECT_EQ(w.workspace, "w");
  EXPECT_EQ(w.key, std::nullopt);
  EXPECT_EQ(w.revenue, amount("7.25"));
  EXPECT_EQ(w.revenue_before, amount("8"));
  EXPECT_EQ(w.run_rate.month, amount("7.5"));
  ASSERT_EQ(w.budgets.size(), 1U);
  EXPECT_EQ(w.budgets[0].spent, amount("7.25"));
  EXPECT_DOUBLE_EQ(w.budgets[0].share, 0.725);
  EXPECT_EQ(made.customers[1].budgets[0].share, 1);
  EXPECT_EQ(made.currency, "EUR");
  EXPECT_EQ(made.total.customers, 2);

  const Overview keys = see(Customer::key);
  ASSERT_EQ(keys.customers.size(), 3U);
  EXPECT_EQ(keys.customers[0].key, "key_b");
  EXPECT_EQ(keys.customers[0].workspace, "w");
  ASSERT_EQ(keys.customers[0].budgets.size(), 1U);
  EXPECT_EQ(keys.customers[0].budgets[0].spent, amount("4"));  // of this day
  EXPECT_EQ(see(Customer::principal).customers[0].principal, "root");
}

INSTANTIATE_TEST_SUITE_P(Databases, OverviewTest, store::testing::each_database(), store::testing::name_of);

}  // namespace
}  // namespace acloud::usage
