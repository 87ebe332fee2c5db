#include "ledger/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/task_scope.h"
#include "ledger/testing/money.h"
#include "ledger/testing/server.h"
#include "store/testing/databases.h"

namespace acloud::ledger {
namespace {

using namespace std::chrono_literals;

using testing::money;
using testing::Server;

// A millionth for each token of input, two for each of output.
PriceSheet sheet() {
  return {.tiers = {{std::nullopt, Price{.input = money("1"), .output = money("2")}.rates().value()}}};
}

class LedgerTest : public store::testing::OnEachDatabase {
 protected:
  std::unique_ptr<Server> server(const std::string& name, store::Database* database = nullptr) {
    auto made = std::make_unique<Server>(database != nullptr ? *database : database_, clock_,
                                         folder_.path() + "/calls", name, !on_sqlite(), sheet());
    EXPECT_TRUE(run(made->ledger.start()));
    return made;
  }
  // A second server where there can be one: it has a data folder of its own.
  std::unique_ptr<Server> other_server(const std::string& name) {
    auto made = std::make_unique<Server>(open(Ledger::migrations()), clock_, folder_.path() + "/other", name,
                                         true, sheet());
    EXPECT_TRUE(run(made->ledger.start()));
    return made;
  }

  static OpenCall call(const std::string& id) {
    OpenCall call;
    call.stored = {
        .request_id = id, .workspace = "w", .key = "k", .principal = "p", .operation = "model.chat"};
    return call;
  }
  static Estimate estimate(std::int64_t output) { return {.model = "m", .input = 0, .max_output = output}; }
  static Usage usage(std::int64_t output) {
    return {.model = "m", .provider = "x", .tokens = {.output = output}};
  }

  static Task<Result<>> settle(Server& server, OpenCall& call) {
    const Entry entry{.request_id = call.stored.request_id,
                      .started = call.at,
                      .workspace = "w",
                      .key = "k",
                      .principal = "p",
                      .operation = "model.chat",
                      .outcome = "ok",
                      .charges = call.stored.charges};
    auto written = co_await server.database.write(
        [&](store::Transaction& tx) { return server.ledger.settle_in(tx, entry, call); });
    if (!written) co_return std::unexpected(written.error());
    server.ledger.settled(call, written->commit);
    co_return co_await written->commit.wait();
  }
  // A whole call that is let through with `most` tokens of output and uses `used`.
  static Task<Result<>> make_call(Server& server, std::string id, std::int64_t most, std::int64_t used) {
    OpenCall open = call(id);
    ACLOUD_CO_CHECK(co_await server.ledger.hold(open, estimate(most)));
    co_await async::yield();
    if (used > 0) server.ledger.used(open, usage(used));
    co_return co_await settle(server, open);
  }
  static Task<> count_call(Server& server, std::string id, std::int64_t most, std::int64_t used, int& done,
                           std::vector<Error>& refused) {
    const auto made = co_await make_call(server, std::move(id), most, used);
    if (made) {
      ++done;
    } else {
      refused.push_back(made.error());
    }
  }
  // All at once.
  static Task<> together(std::vector<Task<>> tasks) {
    async::TaskScope scope;
    for (Task<>& task : tasks) scope.spawn(std::move(task));
    co_await scope.join();
  }

  Budget set(Server& server, Scope scope, std::string_view limit, Period period = Period::month) {
    Budget budget{.id = fmt::format("bud_{}", ++budgets_),
                  .scope = std::move(scope),
                  .limit = money(limit),
                  .period = period,
                  .created = clock_.now()};
    const auto set = run(server.database.write_durably(
        [&](store::Transaction& tx) { return server.ledger.set_budget_in(tx, budget); }));
    EXPECT_TRUE(set) << set.error().message();
    return *set;
  }
  Money spent(const Scope& scope, Time from = {}) {
    return run(database_.read(
                   [&](store::Reader& reader) { return tables::spent_since(reader, scope, from); }))
        .value();
  }
  std::int64_t number(const std::string& sql) {
    const auto rows = run(database_.query(sql));
    return rows.value().at(0).integer(0);
  }

  const Scope workspace_{"w", ScopeKind::workspace, "w"};
  const Scope key_{"w", ScopeKind::key, "k"};
  ManualClock clock_{Time{std::chrono::sys_days{std::chrono::year(2026) / 11 / 24} + 9h + 30min}};
  store::testing::TemporaryFolder folder_;
  int budgets_ = 0;
  store::Database& database_ = open(Ledger::migrations());
};

// 300 calls at once of a cent each, on a budget of one unit: 100 go through, to the last cent.
TEST_P(LedgerTest, CallsAtOnceCantOverdrawABudget) {
  auto first = server("one");
  set(*first, workspace_, "1");
  const auto second = on_sqlite() ? nullptr : other_server("two");
  std::vector<Task<>> tasks;
  int done = 0;
  std::vector<Error> refused;
  for (int i = 0; i < 300; ++i) {
    Server& at = second && i % 2 == 1 ? *second : *first;
    tasks.push_back(count_call(at, fmt::format("r{}", i), 5000, 5000, done, refused));
  }
  run(together(std::move(tasks)));
  EXPECT_EQ(done, 100);
  EXPECT_EQ(spent(workspace_).text(), "1");
  ASSERT_EQ(refused.size(), 200U);
  for (const Error& error : refused) {
    EXPECT_EQ(error.code(), ErrorCode::budget_exceeded) << error.message();
    EXPECT_EQ(error.details().at("limit"), "1");
  }
  EXPECT_EQ(first->calls->in_use(), 0U);
  EXPECT_EQ(number("SELECT COUNT(*) FROM budget_holds"), 0);
  EXPECT_EQ(number("SELECT COUNT(*) FROM held_calls"), 0);
}

TEST_P(LedgerTest, WhatIsHeldAndNotUsedIsGivenBack) {
  auto one = server("one");
  const Budget budget = set(*one, key_, "0.01");
  OpenCall open = call("r1");
  ASSERT_TRUE(run(one->ledger.hold(open, estimate(5000))));
  const auto refused = run(make_call(*one, "r2", 1, 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().details().at("remaining"), "0");
  EXPECT_EQ(refused.error().details().at("needed"), "0.000002");
  EXPECT_EQ(refused.error().details().at("budget"), budget.id);
  one->ledger.used(open, usage(1000));
  ASSERT_TRUE(run(settle(*one, open)));
  EXPECT_EQ(run(make_call(*one, "r3", 4001, 1)).error().details().at("remaining"), "0.008");
  EXPECT_TRUE(run(make_call(*one, "r4", 4000, 0)));
  EXPECT_TRUE(run(make_call(*one, "r5", 4000, 4000)));
  EXPECT_EQ(spent(key_).text(), "0.01");
}

TEST_P(LedgerTest, EveryBudgetThatACallCountsTowardsMustHaveRoom) {
  auto one = server("one");
  set(*one, workspace_, "10");
  set(*one, {"w", ScopeKind::model, "m"}, "0.004");
  set(*one, {"w", ScopeKind::principal, "p"}, "10", Period::total);
  set(*one, {"w", ScopeKind::key, "another"}, "0");
  set(*one, {"elsewhere", ScopeKind::workspace, "elsewhere"}, "0");
  EXPECT_TRUE(run(make_call(*one, "r1", 1000, 1000)));
  const auto refused = run(make_call(*one, "r2", 1001, 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().details().at("scope").dump(), R"({"model":"m"})");
  EXPECT_TRUE(run(make_call(*one, "r3", 1000, 1000)));
}

TEST_P(LedgerTest, ABudgetCountsWhatWasSpentBeforeItWasSet) {
  auto one = server("one");
  ASSERT_TRUE(run(make_call(*one, "r1", 3000, 3000)));
  set(*one, workspace_, "0.01");
  EXPECT_FALSE(run(make_call(*one, "r2", 2001, 1)));
  EXPECT_TRUE(run(make_call(*one, "r3", 2000, 2000)));
  set(*one, workspace_, "0.012");  // raised
  EXPECT_TRUE(run(make_call(*one, "r4", 1000, 1000)));
  EXPECT_FALSE(run(make_call(*one, "r5", 1, 1)));
}

TEST_P(LedgerTest, ANewPeriodBeginsWithNothingSpent) {
  auto one = server("one");
  set(*one, workspace_, "0.01", Period::hour);
  ASSERT_TRUE(run(make_call(*one, "r1", 5000, 5000)));
  OpenCall late = call("r2");
  EXPECT_FALSE(run(one->ledger.hold(late, estimate(1))));
  clock_.advance(30min);
  ASSERT_TRUE(run(one->ledger.hold(late, estimate(2500))));
  clock_.advance(1h);
  // A call that is still under way belongs to the hour it was held in.
  EXPECT_TRUE(run(make_call(*one, "r3", 5000, 4000)));
  one->ledger.used(late, usage(2500));
  ASSERT_TRUE(run(settle(*one, late)));
  EXPECT_TRUE(run(make_call(*one, "r4", 1000, 1000)));
  EXPECT_FALSE(run(make_call(*one, "r5", 1, 1)));
}

TEST_P(LedgerTest, AServerThatStartsKnowsWhatWasSpent) {
  {
    auto one = server("one");
    set(*one, workspace_, "0.01");
    ASSERT_TRUE(run(make_call(*one, "r1", 4000, 4000)));
  }
  auto next = server("next");
  EXPECT_FALSE(run(make_call(*next, "r2", 1001, 1)));
  EXPECT_TRUE(run(make_call(*next, "r3", 1000, 1000)));
}

TEST_P(LedgerTest, CallsOfAKilledServerAreChargedAsTheyWereNoted) {
  {
    auto killed = server("killed");
    set(*killed, workspace_, "1");
    OpenCall begun = call("begun");
    ASSERT_TRUE(run(killed->ledger.hold(begun, {.model = "m", .input = 100, .max_output = 1000})));
    OpenCall half = call("half");
    ASSERT_TRUE(run(killed->ledger.hold(half, {.model = "m", .input = 100, .max_output = 1000})));
    killed->ledger.note(half,
                        {.model = "m", .tokens = {.input_uncached = 90, .output = 30}, .estimated = true});
    OpenCall used = call("used");
    ASSERT_TRUE(run(killed->ledger.hold(used, estimate(1000))));
    killed->ledger.used(used, usage(70));
    OpenCall nothing = call("nothing");
    ASSERT_TRUE(run(killed->ledger.hold(nothing, estimate(1000))));
    ASSERT_TRUE(run(settle(*killed, nothing)));
  }
  auto next = server("next");
  EXPECT_EQ(next->witnessed.size(), 3U);
  const auto rows =
      run(database_.query("SELECT request_id, input_uncached, output, estimated, outcome "
                          "FROM usage_calls ORDER BY request_id"));
  ASSERT_EQ(rows->size(), 3U);
  EXPECT_EQ(rows->at(0).integer(1), 100);  // begun: the input, and nothing that nobody got
  EXPECT_EQ(rows->at(0).integer(2), 0);
  EXPECT_EQ(rows->at(0).integer(3), 1);
  EXPECT_EQ(rows->at(0).text(4), "lost");
  EXPECT_EQ(rows->at(1).integer(2), 30);
  EXPECT_EQ(rows->at(2).integer(2), 70);
  EXPECT_EQ(rows->at(2).integer(3), 0);
  EXPECT_EQ(number("SELECT COUNT(*) FROM budget_holds"), 0);
  EXPECT_EQ(spent(workspace_).text(), "0.00039");
  auto third = server("third");
  EXPECT_EQ(number("SELECT COUNT(*) FROM usage_calls"), 3);
  EXPECT_TRUE(run(make_call(*third, "r", 499'805, 1)));
  EXPECT_FALSE(run(make_call(*third, "s", 499'805, 1)));
}

// Killed between the commit and the slot's release: the record is there, and is not counted again.
TEST_P(LedgerTest, ACallThatWasSettledIsNotChargedAgain) {
  {
    auto killed = server("killed");
    OpenCall open = call("r1");
    ASSERT_TRUE(run(killed->ledger.hold(open, estimate(10))));
    killed->ledger.used(open, usage(7));
    const Entry entry{.request_id = "r1",
                      .workspace = "w",
                      .key = "k",
                      .principal = "p",
                      .operation = "model.chat",
                      .outcome = "ok",
                      .charges = open.stored.charges};
    ASSERT_TRUE(run(database_.write_durably(
        [&](store::Transaction& tx) { return killed->ledger.settle_in(tx, entry, open); })));
  }
  auto next = server("next");
  EXPECT_EQ(next->witnessed.size(), 0U);
  EXPECT_EQ(number("SELECT COUNT(*) FROM usage_calls WHERE outcome = 'ok'"), 1);
  EXPECT_EQ(spent(workspace_).text(), "0.000014");
}

TEST_P(LedgerTest, AServerThatGivesNoSignLosesItsHoldsAfterItsLease) {
  if (on_sqlite()) GTEST_SKIP() << "one server alone has the database";
  auto gone = other_server("gone");
  auto stays = server("stays");
  set(*stays, workspace_, "0.01");
  ASSERT_TRUE(run(gone->ledger.maintain()));  // learns of the budget
  OpenCall open = call("r1");
  ASSERT_TRUE(run(gone->ledger.hold(open, {.model = "m", .input = 1000, .max_output = 4000})));
  EXPECT_FALSE(run(make_call(*stays, "r2", 501, 1)));
  clock_.advance(Ledger::kLease + 1s);
  run([](Server& server) -> Task<> {
    while (true) {
      EXPECT_TRUE(co_await server.ledger.maintain());
      const auto rows = co_await server.database.query("SELECT COUNT(*) FROM held_calls");
      if (rows->front().integer(0) == 0) co_return;
    }
  }(*stays));
  EXPECT_EQ(stays->witnessed.size(), 1U);
  EXPECT_EQ(spent(workspace_).text(), "0.001");
  EXPECT_TRUE(run(make_call(*stays, "r3", 4500, 1)));
  // It was only slow: its record comes late, and changes nothing.
  gone->ledger.used(open, usage(4000));
  ASSERT_TRUE(run(settle(*gone, open)));
  EXPECT_EQ(spent(workspace_).text(), "0.001002");
}

TEST_P(LedgerTest, LimitsHoldAcrossServers) {
  auto first = server("one");
  const auto second = on_sqlite() ? nullptr : other_server("two");
  for (Server* server : {first.get(), second.get()}) {
    if (server != nullptr) server->ledger.limits().set_configured({{"m", {.rpm = 10}}});
  }
  std::vector<Task<>> tasks;
  int done = 0;
  std::vector<Error> refused;
  for (int i = 0; i < 40; ++i) {
    tasks.push_back(
        count_call(second && i % 2 == 1 ? *second : *first, fmt::format("r{}", i), 1, 1, done, refused));
  }
  run(together(std::move(tasks)));
  EXPECT_EQ(done, 10);
  ASSERT_EQ(refused.size(), 30U);
  EXPECT_EQ(refused.front().code(), ErrorCode::rate_limited);
  EXPECT_TRUE(refused.front().retry_after());
  clock_.advance(61s);
  EXPECT_TRUE(run(make_call(*first, "later", 1, 1)));
}

TEST_P(LedgerTest, GrowthIsLimitedAcrossServers) {
  auto first = server("one");
  const auto second = on_sqlite() ? nullptr : other_server("two");
  for (Server* server : {first.get(), second.get()}) {
    if (server != nullptr)
      server->ledger.limits().set_configured({{"m", {.rpm = 100, .growth_percent = 200}}});
  }
  for (const int allowed : {10, 20, 40}) {
    std::vector<Task<>> tasks;
    int done = 0;
    std::vector<Error> refused;
    for (int i = 0; i < 50; ++i) {
      tasks.push_back(count_call(second && i % 2 == 1 ? *second : *first, fmt::format("r{}-{}", allowed, i),
                                 1, 1, done, refused));
    }
    run(together(std::move(tasks)));
    EXPECT_EQ(done, allowed);
    ASSERT_FALSE(refused.empty());
    EXPECT_EQ(refused.front().details().at("kind"), "growth");
    EXPECT_EQ(refused.front().retry_after(), 61s);
    clock_.advance(61s);
  }
}

TEST_P(LedgerTest, AFallbackTakesTheHoldOver) {
  auto one = server("one");
  set(*one, workspace_, "0.01");
  one->ledger.limits().set_configured({{"m", {.tpm = 10'000}}});
  OpenCall open = call("r1");
  ASSERT_TRUE(run(one->ledger.hold(open, estimate(4000))));
  ASSERT_TRUE(run(one->ledger.hold(open, estimate(5000))));
  EXPECT_EQ(open.standing.tokens->remaining, 5000);
  one->ledger.used(open, usage(10));
  ASSERT_TRUE(run(settle(*one, open)));
  EXPECT_TRUE(run(make_call(*one, "r2", 4990, 4990)));
  EXPECT_FALSE(run(make_call(*one, "r3", 1, 1)));
}

INSTANTIATE_TEST_SUITE_P(Databases, LedgerTest, store::testing::each_database(), store::testing::name_of);

}  // namespace
}  // namespace acloud::ledger
