// kill -9 during 1,000 concurrent writes, 20 times: no acknowledged write is lost, and none is half there.
//
// This program starts itself again as a child that opens the database, runs 1,000 tasks, each of which writes
// a record of three parts into two tables, and reports a record on a pipe as soon as its commit is on disk.
// The parent reads reports up to a number drawn at random, kills the child (and on PostgreSQL its server,
// too) and looks at what the database still has.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <random>
#include <set>

#include "async/event_loop.h"
#include "async/task_scope.h"
#include "store/database.h"
#include "store/testing/databases.h"
#include "store/testing/postgres_server.h"

namespace acloud::store {
namespace {

constexpr int kRounds = 20;
constexpr int kWrites = 1000;
constexpr int kReports = 3;  // the child's file descriptor for reports

const Migration kSchema{"crash-1", R"(
  CREATE TABLE record (id BIGINT PRIMARY KEY, parts BIGINT NOT NULL);
  CREATE TABLE part (record BIGINT NOT NULL, number BIGINT NOT NULL, content BYTEA NOT NULL,
                     PRIMARY KEY (record, number))
)"};

Result<> write_record(Transaction& transaction, std::int64_t id) {
  ACLOUD_CHECK(transaction.execute("INSERT INTO record VALUES ($1, 0)", {id}));
  for (std::int64_t number = 0; number < 3; ++number) {
    ACLOUD_CHECK(transaction.execute("INSERT INTO part VALUES ($1, $2, $3)",
                                     {id, number, Bytes{std::string(300, 'x')}}));
  }
  ACLOUD_CHECK(transaction.execute("UPDATE record SET parts = 3 WHERE id = $1", {id}));
  return {};
}

// --- the child

Task<> write_and_report(Database& database, std::int64_t id) {
  const auto written = co_await database.write([id](Transaction& t) { return write_record(t, id); });
  if (!written || !co_await written->commit.wait()) co_return;  // its database is being killed
  if (::write(kReports, &id, sizeof id) != sizeof id) std::_Exit(1);
}

Task<> write_all(Database& database, std::int64_t first) {
  async::TaskScope scope;
  for (std::int64_t i = 0; i < kWrites; ++i) scope.spawn(write_and_report(database, first + i));
  co_await scope.join();
}

int run_child(const std::string& url, const std::string& folder, std::int64_t first) {
  auto database = open({.url = url, .data_folder = folder}, {kSchema});
  if (!database) {
    std::fprintf(stderr, "%s\n", database.error().message().c_str());
    return 1;
  }
  async::EventLoop loop;
  loop.run_until_done(write_all(**database, first));
  return 0;
}

// --- the parent

// Kills the child after `patience` reports (and `also` with it). All that it reported before it died.
template <class Also>
std::set<std::int64_t> run_and_kill(const std::vector<std::string>& arguments, std::size_t patience,
                                    Also also) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("no pipe");
  std::vector<char*> raw;
  for (const std::string& argument : arguments) raw.push_back(const_cast<char*>(argument.c_str()));
  raw.push_back(nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], kReports);
    execv("/proc/self/exe", raw.data());
    _exit(127);
  }
  close(ends[1]);
  std::set<std::int64_t> acknowledged;
  bool killed = false;
  std::int64_t id = 0;
  while (::read(ends[0], &id, sizeof id) == sizeof id) {
    acknowledged.insert(id);
    if (killed || acknowledged.size() < patience) continue;
    kill(pid, SIGKILL);
    also();
    killed = true;
  }
  close(ends[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  EXPECT_TRUE(killed) << "the child ended by itself after " << acknowledged.size() << " reports";
  return acknowledged;
}

class StoreCrashTest : public testing::OnEachDatabase {
 protected:
  struct Found {
    std::size_t records = 0;
    std::size_t lost = 0;
    std::size_t torn = 0;
  };

  Found look(const std::set<std::int64_t>& acknowledged) {
    Database& database = open({kSchema});
    const auto rows =
        run(database.query(
                "SELECT record.id, record.parts, (SELECT COUNT(*) FROM part WHERE part.record = record.id) "
                "FROM record"))
            .value();
    const auto orphans =
        run(database.query("SELECT COUNT(*) FROM part WHERE record NOT IN (SELECT id FROM record)")).value();
    Found found{.records = rows.size(), .torn = static_cast<std::size_t>(orphans[0].integer(0))};
    std::set<std::int64_t> whole;
    for (const Row& row : rows) {
      if (row.integer(1) == 3 && row.integer(2) == 3) whole.insert(row.integer(0));
    }
    found.torn += rows.size() - whole.size();
    for (const std::int64_t id : acknowledged) found.lost += whole.contains(id) ? 0 : 1;
    if (on_sqlite()) EXPECT_EQ(run(database.query("PRAGMA integrity_check")).value()[0].text(0), "ok");
    close_all();
    return found;
  }
};
INSTANTIATE_TEST_SUITE_P(Databases, StoreCrashTest, testing::each_database(), testing::name_of);

TEST_P(StoreCrashTest, LosesNothingThatWasAcknowledged) {
  open({kSchema});
  close_all();
  const unsigned seed = std::random_device()();
  std::mt19937 random(seed);
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::set<std::int64_t> acknowledged;
  Found found;
  for (int round = 0; round < kRounds; ++round) {
    const std::size_t patience = std::uniform_int_distribution<std::size_t>(1, kWrites - 1)(random);
    const auto reported = run_and_kill(
        {"store_crash_test", "--child", options_.url, options_.data_folder, std::to_string(round * kWrites)},
        patience, [this] {
          if (!on_sqlite()) testing::PostgresServer::shared().kill();
        });
    if (!on_sqlite()) ASSERT_TRUE(testing::PostgresServer::shared().again());
    acknowledged.insert(reported.begin(), reported.end());
    found = look(acknowledged);
    ASSERT_EQ(found.lost, 0u) << "round " << round;
    ASSERT_EQ(found.torn, 0u) << "round " << round;
  }
  fmt::print(
      "figure: store crash on {}: killed {} times, {} writes acknowledged, {} found, lost {}, torn {}\n",
      GetParam(), kRounds, acknowledged.size(), found.records, found.lost, found.torn);
}

}  // namespace
}  // namespace acloud::store

int main(int argc, char** argv) {
  if (argc == 5 && std::strcmp(argv[1], "--child") == 0) {
    return acloud::store::run_child(argv[2], argv[3], std::atoll(argv[4]));
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
