// How writes share commits, and what each of them gets when something fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <semaphore>

#include "async/task_scope.h"
#include "store/database.h"
#include "store/testing/databases.h"

namespace acloud::store {
namespace {

using ::testing::HasSubstr;

const Migration kItemSchema{"test-1", "CREATE TABLE item (name TEXT PRIMARY KEY, count BIGINT NOT NULL)"};

Result<std::int64_t> insert(Transaction& transaction, const std::string& name, std::int64_t count = 0) {
  return transaction.execute("INSERT INTO item (name, count) VALUES ($1, $2)", {name, count});
}

// Keeps the writer inside a closure until it is let go.
struct Barrier {
  std::binary_semaphore entered{0};
  std::binary_semaphore go_on{0};
  bool passed = false;  // a second run (PostgreSQL) does not wait again

  auto closure(std::string name) {
    return [this, name](Transaction& transaction) -> Result<std::int64_t> {
      ACLOUD_TRY(const auto count, insert(transaction, name));
      if (std::exchange(passed, true)) return count;
      entered.release();
      go_on.acquire();
      return count;
    };
  }
};

class GroupCommitTest : public testing::OnEachDatabase {
 protected:
  Database& database_ = open({kItemSchema});
  async::TaskScope scope_;

  std::int64_t count_items() {
    return run(database_.query("SELECT COUNT(*) FROM item")).value().at(0).integer(0);
  }
  void join() { run(scope_.join()); }
};
INSTANTIATE_TEST_SUITE_P(Databases, GroupCommitTest, testing::each_database(), testing::name_of);

Task<> write_barrier(Database& database, Barrier& barrier, std::string name, Result<>& outcome) {
  const auto written = co_await database.write_durably(barrier.closure(std::move(name)));
  if (!written) outcome = std::unexpected(written.error());
}

Task<> write_one(Database& database, std::string name, std::vector<Result<>>& outcomes) {
  auto written = co_await database.write([name](Transaction& t) { return insert(t, name); });
  if (!written) {
    outcomes.push_back(std::unexpected(written.error()));
    co_return;
  }
  outcomes.push_back(co_await written->commit.wait());
}

// Holds the writer up, lets `tasks` queue, then lets go.
Task<> behind_barrier(Database& database, Barrier& barrier, async::TaskScope& scope,
                      std::vector<Task<>> tasks) {
  Result<> outcome;
  scope.spawn(write_barrier(database, barrier, "barrier", outcome));
  co_await async::yield();
  barrier.entered.acquire();
  for (Task<>& task : tasks) scope.spawn(std::move(task));
  co_await async::yield();
  co_await async::yield();
  barrier.go_on.release();
  co_await scope.join();
  EXPECT_TRUE(outcome) << outcome.error().message();
}

TEST_P(GroupCommitTest, SharesOneCommitAmongThoseWhoWait) {
  Barrier barrier;
  std::vector<Result<>> outcomes;
  std::vector<Task<>> tasks;
  for (int i = 0; i < 60; ++i) tasks.push_back(write_one(database_, fmt::format("n{}", i), outcomes));
  const auto before = database_.stats();
  run(behind_barrier(database_, barrier, scope_, std::move(tasks)));
  const auto after = database_.stats();
  EXPECT_EQ(after.writes - before.writes, 61u);
  EXPECT_LE((after.commits - before.commits) * 4, 61u);  // a slow machine may end a group early, by its time
  EXPECT_EQ(after.write_queue, 0u);
  EXPECT_EQ(outcomes.size(), 60u);
  for (const Result<>& outcome : outcomes) EXPECT_TRUE(outcome);
  EXPECT_EQ(count_items(), 61);
}

TEST_P(GroupCommitTest, KeepsToTheGroupLimit) {
  options_.group_limit = 10;
  Database& small = open({kItemSchema});
  Barrier barrier;
  std::vector<Result<>> outcomes;
  std::vector<Task<>> tasks;
  for (int i = 0; i < 39; ++i) tasks.push_back(write_one(small, fmt::format("n{}", i), outcomes));
  run(behind_barrier(small, barrier, scope_, std::move(tasks)));
  EXPECT_EQ(small.stats().writes, 40u);
  EXPECT_GE(small.stats().commits, 4u);
}

TEST_P(GroupCommitTest, AFailingClosureDoesNotTouchItsGroup) {
  Barrier barrier;
  std::vector<Result<>> outcomes;
  std::vector<Task<>> tasks;
  for (int i = 0; i < 20; ++i) tasks.push_back(write_one(database_, fmt::format("n{}", i % 15), outcomes));
  run(behind_barrier(database_, barrier, scope_, std::move(tasks)));
  EXPECT_EQ(std::ranges::count_if(outcomes, [](const Result<>& r) { return r.has_value(); }), 15);
  for (const Result<>& outcome : outcomes) {
    if (!outcome) EXPECT_EQ(outcome.error().code(), ErrorCode::conflict);
  }
  EXPECT_EQ(count_items(), 16);
}

TEST_P(GroupCommitTest, ReadersSeeWhatIsCommittedAlone) {
  Barrier barrier;
  Result<> outcome;
  const auto read_meanwhile = [&](Database& database) -> std::int64_t {
    barrier.entered.acquire();
    async::EventLoop other;
    const auto rows = other.run_until_done(database.query("SELECT COUNT(*) FROM item"));
    barrier.go_on.release();
    return rows.value().at(0).integer(0);
  };
  std::int64_t seen = -1;
  std::jthread reader([&] { seen = read_meanwhile(database_); });
  run(write_barrier(database_, barrier, "a", outcome));
  reader.join();
  EXPECT_EQ(seen, 0);
  EXPECT_EQ(count_items(), 1);
}

TEST_P(GroupCommitTest, AReadStaysOnItsSnapshot) {
  const auto count = [](Reader& reader) {
    return reader.query("SELECT COUNT(*) FROM item").value()[0].integer(0);
  };
  const auto twice = run(database_.read([&](Reader& reader) -> Result<std::pair<std::int64_t, std::int64_t>> {
    const std::int64_t first = count(reader);
    std::jthread([&] {
      async::EventLoop other;
      EXPECT_TRUE(
          other.run_until_done(database_.write_durably([](Transaction& t) { return insert(t, "late"); })));
    }).join();
    return std::pair(first, count(reader));
  }));
  EXPECT_EQ(twice.value(), std::pair(std::int64_t{0}, std::int64_t{0}));
  EXPECT_EQ(count_items(), 1);
}

Task<> await_until(Result<>& outcome, Task<Result<std::int64_t>> task) {
  const auto done = co_await std::move(task);
  outcome = done ? Result<>() : std::unexpected(done.error());
}

Task<> stop_while_queued(Database& database, Barrier& barrier, Result<>& first, Result<>& second) {
  async::TaskScope scope;
  async::TaskScope stopped;
  stopped.spawn(write_barrier(database, barrier, "begun", first));
  co_await async::yield();
  barrier.entered.acquire();
  stopped.spawn(
      await_until(second, database.write_durably([](Transaction& t) { return insert(t, "queued"); })));
  co_await async::yield();
  stopped.cancel();
  barrier.go_on.release();
  co_await stopped.join();
}

TEST_P(GroupCommitTest, AStoppedTaskTakesBackWhatHasNotBegunAlone) {
  Barrier barrier;
  Result<> begun;
  Result<> queued;
  run(stop_while_queued(database_, barrier, begun, queued));
  EXPECT_TRUE(begun);
  ASSERT_FALSE(queued);
  EXPECT_EQ(queued.error().code(), ErrorCode::cancelled);
  const auto names = run(database_.query("SELECT name FROM item")).value();
  ASSERT_EQ(names.size(), 1u);
  EXPECT_EQ(names[0].text(0), "begun");
}

// A deferred foreign key is checked by COMMIT alone, and so makes one fail on both databases.
TEST_P(GroupCommitTest, AFailedCommitFailsTheWholeGroup) {
  ASSERT_TRUE(run(database_.write_durably([](Transaction& t) {
    return t.execute(
        "CREATE TABLE child (name TEXT, FOREIGN KEY (name) REFERENCES item (name) DEFERRABLE INITIALLY "
        "DEFERRED)");
  })));
  Barrier barrier;
  Result<> poison;
  std::vector<Result<>> outcomes;
  const auto orphan = [](Transaction& t) { return t.execute("INSERT INTO child VALUES ('nobody')"); };
  std::vector<Task<>> tasks;
  for (int i = 0; i < 10; ++i) tasks.push_back(write_one(database_, fmt::format("n{}", i), outcomes));
  tasks.push_back(await_until(poison, database_.write_durably(orphan)));
  // The barrier's own group must be over when they come: run without one, all queued before the writer wakes.
  run([](async::TaskScope& scope, std::vector<Task<>> all) -> Task<> {
    for (Task<>& task : all) scope.spawn(std::move(task));
    co_await scope.join();
  }(scope_, std::move(tasks)));
  ASSERT_FALSE(poison);
  EXPECT_THAT(poison.error().message(), HasSubstr("commit failed"));
  const auto failed = std::ranges::count_if(outcomes, [](const Result<>& r) { return !r.has_value(); });
  EXPECT_EQ(count_items(), 10 - failed);
  EXPECT_EQ(run(database_.query("SELECT COUNT(*) FROM child")).value()[0].integer(0), 0);
  EXPECT_TRUE(run(database_.write_durably([](Transaction& t) { return insert(t, "after"); })));
}

Task<> add_often(Database& database, int times, std::atomic<int>& failures) {
  for (int i = 0; i < times; ++i) {
    const auto added = co_await database.write([](Transaction& t) -> Result<std::int64_t> {
      ACLOUD_TRY(const Rows rows, t.query("SELECT count FROM item WHERE name = 'sum'"));
      const std::int64_t next = rows.at(0).integer(0) + 1;
      ACLOUD_CHECK(t.execute("UPDATE item SET count = $1 WHERE name = 'sum'", {next}));
      return next;
    });
    if (!added || !co_await added->commit.wait()) ++failures;
  }
}

Task<> many_at_once(Database& database, int tasks, int times, std::atomic<int>& failures, std::latch& done) {
  async::TaskScope scope;
  for (int i = 0; i < tasks; ++i) scope.spawn(add_often(database, times, failures));
  co_await scope.join();
  done.count_down();
}

TEST_P(GroupCommitTest, WritersOfSeveralLoopsLoseNothing) {
  ASSERT_TRUE(run(database_.write_durably([](Transaction& t) { return insert(t, "sum", 0); })));
  constexpr int kLoops = 3;
  constexpr int kTasks = 20;
  constexpr int kTimes = 20;
  std::atomic<int> failures = 0;
  std::latch done(kLoops);
  const auto before = database_.stats();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kLoops; ++i) {
      threads.emplace_back([&] {
        async::EventLoop loop;
        loop.run_until_done(many_at_once(database_, kTasks, kTimes, failures, done));
      });
    }
    done.wait();
  }
  EXPECT_EQ(failures, 0);
  const auto rows = run(database_.query("SELECT count FROM item WHERE name = 'sum'")).value();
  EXPECT_EQ(rows[0].integer(0), kLoops * kTasks * kTimes);
  const auto after = database_.stats();
  EXPECT_EQ(after.writes - before.writes, std::uint64_t{kLoops * kTasks * kTimes});
  EXPECT_LT((after.commits - before.commits) * 4, after.writes - before.writes);
}

TEST_P(GroupCommitTest, ACommitIsAwaitedByManyAndLater) {
  auto written = run(database_.write([](Transaction& t) { return insert(t, "a"); })).value();
  const Commit copy = written.commit;
  std::jthread([copy] {
    async::EventLoop other;
    EXPECT_TRUE(other.run_until_done(copy.wait()));
  }).join();
  EXPECT_TRUE(run(written.commit.wait()));
  EXPECT_TRUE(copy.done());
  EXPECT_TRUE(run(Commit().wait()));
}

}  // namespace
}  // namespace acloud::store
