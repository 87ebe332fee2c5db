#include "ledger/reservations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ledger/ledger.h"
#include "ledger/testing/money.h"
#include "ledger/testing/server.h"
#include "store/testing/databases.h"

namespace acloud::ledger {
namespace {

using namespace std::chrono_literals;
using testing::money;
using testing::Server;

class ReservationsTest : public store::testing::OnEachDatabase {
 protected:
  std::unique_ptr<Server> server(const std::string& name, store::Database* database = nullptr) {
    auto made = std::make_unique<Server>(database != nullptr ? *database : database_, clock_,
                                         folder_.path() + "/" + (database != nullptr ? "other" : "calls"),
                                         name, !on_sqlite());
    EXPECT_TRUE(run(made->ledger.start()));
    return made;
  }

  static Reservation wanted(const std::string& id, std::string_view amount) {
    return {.id = id,
            .request_id = "req_" + id,
            .workspace = "w",
            .key = "k",
            .principal = id,
            .operation = "model.generate",
            .model = "wan",
            .amount = money(amount),
            .sheet = PriceSheet{.tiers = {}, .media = MediaRates{.second = money("0.5")}}};
  }

  Result<> reserve(Server& server, Reservation reservation) {
    if (auto known = run(server.ledger.know(reservation.payer())); !known) return known;
    auto kept = run(server.database.write_durably(
        [&](store::Transaction& tx) { return server.ledger.reservations().reserve_in(tx, reservation); }));
    if (!kept) server.ledger.reservations().unreserved(reservation.id);
    return kept;
  }
  std::optional<Money> settle(Server& server, const std::string& id, std::optional<Usage> usage) {
    return run(server.database.write_durably([&](store::Transaction& tx) {
             return server.ledger.reservations().settle_in(tx, id, usage ? "ok" : "unavailable", usage);
           }))
        .value();
  }
  static Usage seconds(std::int64_t count) {
    return {.provider = "x", .media = Media{.video = std::chrono::seconds(count)}};
  }
  void budget(Server& server, std::string_view limit) {
    ASSERT_TRUE(run(server.database.write_durably([&](store::Transaction& tx) {
      return server.ledger.set_budget_in(tx, {.id = "bud_1",
                                              .scope = {"w", ScopeKind::workspace, "w"},
                                              .limit = money(limit),
                                              .period = Period::total,
                                              .created = clock_.now()});
    })));
    ASSERT_TRUE(run(server.ledger.reload()));
  }

  ManualClock clock_{Time{std::chrono::sys_days{std::chrono::year(2026) / 11 / 30} + 21h + 30min}};
  store::testing::TemporaryFolder folder_;
  store::Database& database_ = open(Ledger::migrations());
};

TEST_P(ReservationsTest, HoldsUntilItIsSettledAlsoOverARestart) {
  auto first = server("one");
  budget(*first, "5");
  ASSERT_TRUE(reserve(*first, wanted("task_a", "3")));
  EXPECT_EQ(reserve(*first, wanted("task_b", "2.01")).error().code(), ErrorCode::budget_exceeded);
  auto next = server("two");
  EXPECT_EQ(reserve(*next, wanted("task_b", "2.01")).error().code(), ErrorCode::budget_exceeded);
  EXPECT_EQ(settle(*next, "task_a", seconds(4)), money("2"));
  EXPECT_EQ(settle(*next, "task_a", seconds(4)), std::nullopt);
  EXPECT_THAT(next->witnessed, ::testing::ElementsAre("req_task_a ok"));
  EXPECT_TRUE(reserve(*next, wanted("task_b", "3")));
  EXPECT_EQ(reserve(*next, wanted("task_c", "0.01")).error().code(), ErrorCode::budget_exceeded);
}

TEST_P(ReservationsTest, WhatCameToNothingIsGivenBack) {
  auto one = server("one");
  budget(*one, "3");
  ASSERT_TRUE(reserve(*one, wanted("task_a", "3")));
  EXPECT_EQ(settle(*one, "task_a", std::nullopt), Money());
  EXPECT_TRUE(reserve(*one, wanted("task_b", "3")));
}

// The use is one of the time at which it was asked for: a new period owes nothing for it.
TEST_P(ReservationsTest, IsChargedInThePeriodInWhichItWasAskedFor) {
  auto one = server("one");
  ASSERT_TRUE(run(database_.write_durably([&](store::Transaction& tx) {
    return one->ledger.set_budget_in(tx, {.id = "bud_1",
                                          .scope = {"w", ScopeKind::workspace, "w"},
                                          .limit = money("3"),
                                          .period = Period::hour,
                                          .created = clock_.now()});
  })));
  ASSERT_TRUE(run(one->ledger.reload()));
  ASSERT_TRUE(reserve(*one, wanted("task_a", "3")));
  clock_.advance(1h);
  ASSERT_TRUE(reserve(*one, wanted("task_b", "3")));
  EXPECT_EQ(settle(*one, "task_a", seconds(6)), money("3"));
  EXPECT_EQ(reserve(*one, wanted("task_c", "0.1")).error().code(), ErrorCode::budget_exceeded);
  EXPECT_EQ(settle(*one, "task_b", std::nullopt), Money());
  EXPECT_TRUE(reserve(*one, wanted("task_c", "3")));
}

TEST_P(ReservationsTest, TwoServersOfOneDatabaseShareABudget) {
  if (on_sqlite()) GTEST_SKIP() << "one server has it to itself";
  auto one = server("one");
  auto other = server("two", &open(Ledger::migrations()));
  budget(*one, "3");
  ASSERT_TRUE(run(other->ledger.reload()));
  ASSERT_TRUE(reserve(*one, wanted("task_a", "2")));
  EXPECT_EQ(reserve(*other, wanted("task_b", "2")).error().code(), ErrorCode::budget_exceeded);
  EXPECT_EQ(settle(*other, "task_a", seconds(2)), money("1"));
  EXPECT_EQ(settle(*one, "task_a", seconds(2)), std::nullopt);
  EXPECT_TRUE(reserve(*one, wanted("task_b", "2")));
}

INSTANTIATE_TEST_SUITE_P(Databases, ReservationsTest, store::testing::each_database(),
                         store::testing::name_of);

}  // namespace
}  // namespace acloud::ledger
