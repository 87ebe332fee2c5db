// What only PostgreSQL does: several servers on one database, and a server that goes away.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "async/event_loop.h"
#include "async/task_scope.h"
#include "store/database.h"
#include "store/testing/postgres_server.h"

namespace acloud::store {
namespace {

using ::testing::HasSubstr;
using testing::PostgresServer;

const Migration kHoldSchema{"test-1", "CREATE TABLE hold (id TEXT PRIMARY KEY, amount BIGINT NOT NULL)"};

Result<std::int64_t> insert_hold(Transaction& transaction, const std::string& id) {
  return transaction.execute("INSERT INTO hold VALUES ($1, 1)", {id});
}

class PostgresTest : public ::testing::Test {
 protected:
  std::unique_ptr<Database> open() {
    return store::open({.url = url_, .data_folder = {}}, {kHoldSchema}).value();
  }
  std::int64_t count(Database& database) {
    return run(database.query("SELECT COUNT(*) FROM hold")).value().at(0).integer(0);
  }
  template <class T>
  T run(Task<T> task) {
    return loop_.run_until_done(std::move(task));
  }

  std::string url_ = PostgresServer::shared().make_database().value();
  async::EventLoop loop_;
};

constexpr std::int64_t kLimit = 25;

// Each sees room below the limit and takes some: right only if no other does so at the same moment.
Result<bool> hold_if_room(Transaction& transaction, const std::string& id) {
  ACLOUD_TRY(const Rows sum, transaction.query("SELECT COALESCE(SUM(amount), 0) FROM hold"));
  if (sum.at(0).integer(0) >= kLimit) return false;
  ACLOUD_CHECK(insert_hold(transaction, id));
  return true;
}

Task<> hold_often(Database& database, std::string name, std::atomic<int>& held, std::atomic<int>& failed) {
  for (int i = 0; i < 5; ++i) {
    const auto taken = co_await database.write_durably(
        [id = fmt::format("{}-{}", name, i)](Transaction& t) { return hold_if_room(t, id); });
    if (!taken) ++failed;
    if (taken && *taken) ++held;
  }
}

Task<> hold_from_many_tasks(Database& database, int server, std::atomic<int>& held,
                            std::atomic<int>& failed) {
  async::TaskScope scope;
  for (int i = 0; i < 8; ++i)
    scope.spawn(hold_often(database, fmt::format("{}-{}", server, i), held, failed));
  co_await scope.join();
}

TEST_F(PostgresTest, ServersOnOneDatabaseNeverOverdrawTogether) {
  constexpr int kServers = 3;
  std::atomic<int> held = 0;
  std::atomic<int> failed = 0;
  std::vector<std::unique_ptr<Database>> servers;
  for (int i = 0; i < kServers; ++i) servers.push_back(open());
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kServers; ++i) {
      threads.emplace_back([&, i] {
        async::EventLoop loop;
        loop.run_until_done(hold_from_many_tasks(*servers[static_cast<std::size_t>(i)], i, held, failed));
      });
    }
  }
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(held, kLimit);
  EXPECT_EQ(count(*servers[0]), kLimit);
}

TEST_F(PostgresTest, RunsAClosureAgainThatRaced) {
  const auto first = open();
  const auto second = open();
  int runs = 0;
  const auto value = run(first->write_durably([&](Transaction& t) -> Result<std::int64_t> {
    ACLOUD_TRY(const Rows rows, t.query("SELECT COUNT(*) FROM hold"));
    if (++runs == 1) {
      std::jthread([&] {
        async::EventLoop loop;
        EXPECT_TRUE(loop.run_until_done(second->write_durably([](Transaction& other) -> Result<> {
          ACLOUD_TRY(const Rows seen, other.query("SELECT COUNT(*) FROM hold"));
          ACLOUD_CHECK(insert_hold(other, "theirs"));
          return {};
        })));
      }).join();
    }
    ACLOUD_CHECK(insert_hold(t, "ours"));
    return rows[0].integer(0);
  }));
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(value, 1);  // of the second run, which saw the other's row
  EXPECT_EQ(first->stats().reruns, 1u);
  EXPECT_EQ(count(*first), 2);
}

TEST_F(PostgresTest, GivesUpAfterManyRaces) {
  const auto database = open();
  int runs = 0;
  const auto raced = run(database->write_durably([&](Transaction& t) -> Result<> {
    ++runs;
    ACLOUD_CHECK(
        t.execute("DO $$ BEGIN RAISE EXCEPTION 'raced' USING ERRCODE = 'serialization_failure'; END $$"));
    return {};
  }));
  EXPECT_EQ(raced.error().code(), ErrorCode::unavailable);
  EXPECT_THAT(raced.error().message(), HasSubstr("after 100 tries"));
  EXPECT_EQ(runs, 100);
  EXPECT_TRUE(run(database->write_durably([](Transaction& t) { return insert_hold(t, "next"); })));
}

TEST_F(PostgresTest, RunsAClosureAgainWhoseConnectionWasLost) {
  const auto database = open();
  int runs = 0;
  EXPECT_TRUE(run(database->write_durably([&](Transaction& t) -> Result<> {
    ACLOUD_CHECK(insert_hold(t, "a"));
    if (++runs == 1) ACLOUD_CHECK(t.query("SELECT pg_terminate_backend(pg_backend_pid())"));
    return {};
  })));
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(count(*database), 1);
}

// The connection ends while COMMIT runs: a trigger that waits for the commit ends it.
TEST_F(PostgresTest, SaysWhereItIsNotKnownWhatBecameOfACommit) {
  const auto database = open();
  ASSERT_TRUE(run(database->write_durably([](Transaction& t) -> Result<> {
    ACLOUD_CHECK(
        t.execute("CREATE FUNCTION end_connection() RETURNS TRIGGER LANGUAGE plpgsql AS "
                  "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"));
    ACLOUD_CHECK(
        t.execute("CREATE CONSTRAINT TRIGGER ending AFTER INSERT ON hold DEFERRABLE INITIALLY DEFERRED "
                  "FOR EACH ROW EXECUTE FUNCTION end_connection()"));
    return {};
  })));
  int runs = 0;
  const auto lost = run(database->write_durably([&](Transaction& t) {
    ++runs;
    return insert_hold(t, "a");
  }));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code(), ErrorCode::unavailable);
  EXPECT_THAT(lost.error().message(), HasSubstr("not known"));
  EXPECT_EQ(lost.error().details().value("outcome", ""), "unknown");
  EXPECT_EQ(runs, 1);  // it may be there: running it again could write twice
  EXPECT_EQ(count(*database), 0);
}

TEST_F(PostgresTest, GoesOnAfterTheServerRestarted) {
  PostgresServer& server = PostgresServer::shared();
  const auto database = open();
  const auto write = [&](std::string id) {
    return run(database->write_durably([id](Transaction& t) { return insert_hold(t, id); }));
  };
  ASSERT_TRUE(write("before"));
  EXPECT_EQ(count(*database), 1);
  server.kill();
  EXPECT_EQ(write("meanwhile").error().code(), ErrorCode::unavailable);
  EXPECT_EQ(run(database->query("SELECT 1")).error().code(), ErrorCode::unavailable);
  ASSERT_TRUE(server.again());
  EXPECT_TRUE(write("after"));
  EXPECT_EQ(count(*database), 2);
}

TEST_F(PostgresTest, RefusesADatabaseWithAnotherOrderOfText) {
  auto& server = PostgresServer::shared();
  ASSERT_TRUE(server.run(
      "postgres",
      "CREATE DATABASE german TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de' LOCALE 'C.UTF-8'"));
  const auto opened = store::open({.url = server.url("german"), .data_folder = {}}, {kHoldSchema});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::precondition_failed);
  EXPECT_THAT(opened.error().message(), HasSubstr("LOCALE 'C'"));
}

// More statements than are kept prepared.
TEST_F(PostgresTest, ForgetsPreparedStatements) {
  const auto database = open();
  for (int i = 0; i < 600; ++i) {
    const auto rows = run(database->query(fmt::format("SELECT {} + $1", i), {std::int64_t{1}}));
    ASSERT_TRUE(rows) << rows.error().message();
    ASSERT_EQ(rows->at(0).integer(0), i + 1);
  }
}

}  // namespace
}  // namespace acloud::store
