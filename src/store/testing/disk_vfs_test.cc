#include "store/testing/disk_vfs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <thread>

#include "store/testing/fault_walk.h"

namespace acloud::store::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

// A connection, just enough of one: rows of text, or the message of what went wrong.
class Connection {
 public:
  Connection(const DiskVfs& vfs, std::string_view settings) {
    open_ = sqlite3_open_v2("/data.db", &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs.name().c_str());
    sqlite3_busy_timeout(db_, 10'000);
    if (open_ == SQLITE_OK && !run(settings)) open_ = SQLITE_CANTOPEN;  // unset, they would promise less
  }
  ~Connection() { sqlite3_close(db_); }

  std::expected<std::vector<std::string>, std::string> run(std::string_view sql) {
    if (open_ != SQLITE_OK) return std::unexpected(sqlite3_errmsg(db_));
    std::vector<std::string> rows;
    const auto keep = [](void* into, int columns, char** values, char**) {
      std::string row;
      for (int i = 0; i < columns; ++i) row += (i ? "|" : "") + std::string(values[i] ? values[i] : "NULL");
      static_cast<std::vector<std::string>*>(into)->push_back(std::move(row));
      return 0;
    };
    const int code = sqlite3_exec(db_, std::string(sql).c_str(), keep, &rows, nullptr);
    if (code != SQLITE_OK) return std::unexpected(sqlite3_errmsg(db_));
    return rows;
  }

 private:
  sqlite3* db_ = nullptr;
  int open_;
};

constexpr std::string_view kWal = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL";
// EXTRA: with FULL, a journal that was removed may come back after a crash, and undo what it stood for.
constexpr std::string_view kJournal = "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA";
constexpr std::string_view kWalUnsynced = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF";

TEST(DiskVfs, KeepsADatabaseAcrossConnections) {
  SimulatedDisk disk;
  const DiskVfs vfs(disk);
  for (const auto settings : {kJournal, kWal}) {
    Connection first(vfs, settings);
    ASSERT_TRUE(first.run("CREATE TABLE IF NOT EXISTS t(n); INSERT INTO t VALUES (1)"));
  }
  EXPECT_THAT(Connection(vfs, kWal).run("SELECT count(*) FROM t").value(), ElementsAre("2"));
}

TEST(DiskVfs, AReaderKeepsItsSnapshotWhileAWriterCommits) {
  SimulatedDisk disk;
  const DiskVfs vfs(disk);
  Connection writer(vfs, kWal), reader(vfs, kWal);
  ASSERT_TRUE(writer.run("CREATE TABLE t(n); INSERT INTO t VALUES (1)"));
  ASSERT_TRUE(reader.run("BEGIN; SELECT * FROM t"));
  ASSERT_TRUE(writer.run("INSERT INTO t VALUES (2)"));
  EXPECT_THAT(reader.run("SELECT n FROM t").value(), ElementsAre("1"));
  ASSERT_TRUE(reader.run("COMMIT"));
  EXPECT_THAT(reader.run("SELECT n FROM t").value(), ElementsAre("1", "2"));
}

// Both kinds of locks at work: nothing lost where two threads write as fast as they can.
TEST(DiskVfs, TwoThreadsTakeTurns) {
  for (const auto settings : {kJournal, kWal}) {
    SimulatedDisk disk;
    const DiskVfs vfs(disk);
    Connection(vfs, settings).run("CREATE TABLE t(n); INSERT INTO t VALUES (0)");
    const auto count_up = [&] {
      Connection connection(vfs, settings);
      for (int i = 0; i < 100; ++i) {
        const auto done = connection.run("BEGIN IMMEDIATE; UPDATE t SET n = n + 1; COMMIT");
        EXPECT_TRUE(done) << done.error();
      }
    };
    std::thread other(count_up);
    count_up();
    other.join();
    EXPECT_THAT(Connection(vfs, settings).run("SELECT n FROM t").value(), ElementsAre("200"));
  }
}

constexpr int kTransactions = 3;

// Transactions of two rows each, larger than a page, with a checkpoint in between.
WalkReport walk(std::string_view settings) {
  const auto insert = [](int n) {
    return fmt::format(
        "BEGIN; INSERT INTO t VALUES ({0}, 'a', randomblob(3000)), ({0}, 'b', randomblob(3000)); COMMIT", n);
  };
  return walk_faults(Scenario<std::vector<int>>{
      .prepare =
          [=](SimulatedDisk& disk) {
            const DiskVfs vfs(disk);
            Connection connection(vfs, settings);
            ASSERT_TRUE(connection.run("CREATE TABLE t(n, half, bytes)"));
            ASSERT_TRUE(connection.run(insert(0)));
          },
      .run =
          [=](SimulatedDisk& disk) {
            std::vector<int> acknowledged{0};
            const DiskVfs vfs(disk);
            Connection connection(vfs, settings);
            for (int n = 1; n <= kTransactions; ++n) {
              if (connection.run(insert(n))) {
                acknowledged.push_back(n);
              } else {
                (void)connection.run("ROLLBACK");
              }
              if (n == 2) (void)connection.run("PRAGMA wal_checkpoint");
            }
            return acknowledged;
          },
      .check = [=](SimulatedDisk& disk, const std::vector<int>& acknowledged) -> std::string {
        const DiskVfs vfs(disk);
        Connection connection(vfs, settings);
        const auto health = connection.run("PRAGMA integrity_check");
        if (!health) return health.error();
        if (*health != std::vector<std::string>{"ok"}) return "damaged: " + health->front();
        for (int n = 0; n <= kTransactions; ++n) {
          const auto rows = connection.run(fmt::format("SELECT half FROM t WHERE n = {}", n));
          if (!rows) return rows.error();
          const bool whole = rows->size() == 2;
          if (!whole && !rows->empty()) return fmt::format("half of transaction {}", n);
          if (!whole && std::ranges::count(acknowledged, n) > 0)
            return fmt::format("transaction {} is lost", n);
        }
        return "";
      }});
}

TEST(DiskVfs, SqliteKeepsItsPromiseThroughEveryFaultInWalMode) {
  const WalkReport report = walk(kWal);
  EXPECT_THAT(report.broken, IsEmpty());
  fmt::print("WAL: {} calls, {} runs, {} checks\n", report.calls, report.runs, report.checks);
}

TEST(DiskVfs, SqliteKeepsItsPromiseThroughEveryFaultWithAJournal) {
  const WalkReport report = walk(kJournal);
  EXPECT_THAT(report.broken, IsEmpty());
  fmt::print("journal: {} calls, {} runs, {} checks\n", report.calls, report.runs, report.checks);
}

// The proof that the two above would notice.
TEST(DiskVfs, TheWalkFindsTheLossesOfADatabaseThatDoesNotSync) {
  EXPECT_THAT(walk(kWalUnsynced).broken, Not(IsEmpty()));
}

}  // namespace
}  // namespace acloud::store::testing
