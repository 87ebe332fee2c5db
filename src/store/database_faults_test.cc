// A Database on SQLite, walked through every call that its writes make of the disk. PostgreSQL has its own
// files, which only it can be trusted with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/task_scope.h"
#include "store/database.h"
#include "store/testing/disk_vfs.h"
#include "store/testing/fault_walk.h"

namespace acloud::store {
namespace {

using ::testing::IsEmpty;

// What each write was answered with.
using Acknowledged = std::map<std::int64_t, bool>;

constexpr std::int64_t kGroups = 2;
constexpr std::int64_t kWritesInAGroup = 3;

Result<std::unique_ptr<Database>> open(const testing::DiskVfs& vfs) {
  return store::open({.data_folder = "/data", .readers = 1, .sqlite_vfs = vfs.name()},
                     {{"test-1", "CREATE TABLE half (write BIGINT, content BYTEA);"}});
}

// Both halves, or none.
Result<std::int64_t> insert(Transaction& transaction, std::int64_t write) {
  std::int64_t rows = 0;
  for (const char half : {'a', 'b'}) {
    ACLOUD_TRY(const auto added, transaction.execute("INSERT INTO half (write, content) VALUES ($1, $2)",
                                                     {write, Bytes{std::string(3000, half)}}));
    rows += added;
  }
  return rows;
}

Task<> write(Database& database, std::int64_t number, bool& acknowledged) {
  const auto written = co_await database.write_durably(
      [number](Transaction& transaction) { return insert(transaction, number); });
  acknowledged = written.has_value();
}

// Writes of one group wait together, so that they share a commit.
Task<> write_groups(Database& database, Acknowledged& acknowledged) {
  for (std::int64_t group = 0; group < kGroups; ++group) {
    async::TaskScope scope;
    for (std::int64_t i = 0; i < kWritesInAGroup; ++i) {
      const std::int64_t number = group * kWritesInAGroup + i;
      scope.spawn(write(database, number, acknowledged[number]));
    }
    co_await scope.join();
  }
}

// How the promise is broken, or "".
std::string judge(const Rows& halves, const Acknowledged& acknowledged) {
  std::map<std::int64_t, std::int64_t> found;
  for (const Row& row : halves) {
    if (row.bytes(1) != std::string(3000, row.bytes(1).at(0))) return "a row became something else";
    ++found[row.integer(0)];
  }
  for (const auto& [number, promised] : acknowledged) {
    if (found[number] != 0 && found[number] != 2) return fmt::format("half of write {}", number);
    if (promised && found[number] == 0) return fmt::format("write {} is lost", number);
  }
  return "";
}

testing::Scenario<Acknowledged> writes(async::EventLoop& loop) {
  return {.prepare =
              [](testing::SimulatedDisk& disk) {
                ASSERT_TRUE(disk.make_folders("/data"));
                ASSERT_TRUE(disk.sync_folder("/"));
              },
          .run =
              [&loop](testing::SimulatedDisk& disk) {
                Acknowledged acknowledged;
                const testing::DiskVfs vfs(disk);
                if (const auto database = open(vfs))
                  loop.run_until_done(write_groups(**database, acknowledged));
                return acknowledged;
              },
          .check = [&loop](testing::SimulatedDisk& disk, const Acknowledged& acknowledged) -> std::string {
            const testing::DiskVfs vfs(disk);
            const auto database = open(vfs);
            if (!database) return database.error().message();
            const auto halves = loop.run_until_done((*database)->query("SELECT write, content FROM half"));
            return halves ? judge(*halves, acknowledged) : halves.error().message();
          }};
}

TEST(DatabaseFaults, WritesKeepTheirPromiseThroughEveryFault) {
  async::EventLoop loop;
  const auto report = testing::walk_faults(writes(loop), 2);
  EXPECT_THAT(report.broken, IsEmpty());
  fmt::print("database: {} calls, {} runs, {} checks\n", report.calls, report.runs, report.checks);
}

TEST(DatabaseFaults, TheCheckNoticesWhatIsLost) {
  async::EventLoop loop;
  EXPECT_TRUE(testing::notices_lost_syncs(writes(loop)));
}

}  // namespace
}  // namespace acloud::store
