// Durable steps of tasks: an entry of 800 bytes in the journal, its lease checked, on disk before the next
// one begins; by one task and by many at once. The peer is SQLite alone with the same durability (WAL,
// synchronous=FULL) and a row of the same size, one transaction a step. Both sides take turns, five times
// each if not told otherwise; the medians count.
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "async/event_loop.h"
#include "async/task_scope.h"
#include "kernel/instances.h"
#include "task/store_journal.h"

namespace acloud::task {
namespace {

using Watch = std::chrono::steady_clock;
using Micros = std::chrono::duration<double, std::micro>;

constexpr std::size_t kOutcome = 800;

struct Folder {
  Folder() {
    if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("no temporary folder");
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path = (std::filesystem::temp_directory_path() / "acloud-bench-XXXXXX").string();
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values.at(values.size() / 2);
}

struct Steps {
  double per_second = 0;
  double p50_us = 0;
};

Task<> steps_of(store::Database& database, Clock& clock, const Holder& holder, const Claimed& task, int count,
                std::vector<double>& latencies) {
  StoreJournal journal(database, clock, holder, task, [] {});
  for (int number = 0; number < count; ++number) {
    const auto start = Watch::now();
    Entry entry{.step = {.number = number, .kind = StepKind::call, .name = "sandbox.exec", .input = "{}"},
                .outcome = Outcome{true, std::string(kOutcome, 'x')},
                .began = clock.now()};
    const auto kept = co_await journal.keep(std::move(entry));
    if (!kept) throw std::runtime_error(kept.error().message());
    latencies.push_back(Micros(Watch::now() - start).count());
  }
}

Task<> all_steps(store::Database& database, Clock& clock, int tasks, int each,
                 std::vector<double>& latencies) {
  const Holder holder{.instance = "bench"};
  const auto claimed = co_await database.write_durably(
      [tasks, &holder, now = clock.now()](store::Transaction& tx) -> Result<std::vector<Claimed>> {
        for (int i = 0; i < tasks; ++i) {
          const NewTask made{.id = fmt::format("task_{}", i),
                             .owner = {"w", "root", "key", {}},
                             .spec_json = "{}",
                             .tools_json = "[]",
                             .goal = "",
                             .secret = "s",
                             .priority = 5,
                             .created = now,
                             .deadline = now + std::chrono::hours(1)};
          ACLOUD_CHECK(tables::add(tx, made, made.owner));
        }
        return tables::claim(tx, holder, now, static_cast<std::size_t>(tasks), {});
      });
  if (!claimed) throw std::runtime_error(claimed.error().message());
  async::TaskScope scope;
  for (const Claimed& task : *claimed) scope.spawn(steps_of(database, clock, holder, task, each, latencies));
  co_await scope.join();
}

Steps journaled(int tasks, int each) {
  const Folder folder;
  std::vector<store::Migration> all = kernel::Instances::migrations();
  std::ranges::move(migrations(), std::back_inserter(all));
  const auto database = store::open({.data_folder = folder.path}, std::move(all)).value();
  async::EventLoop loop;
  SystemClock clock;
  std::vector<double> latencies;
  const auto start = Watch::now();
  loop.run_until_done(all_steps(*database, clock, tasks, each, latencies));
  const double seconds = Micros(Watch::now() - start).count() / 1e6;
  return {static_cast<double>(latencies.size()) / seconds, median(latencies)};
}

void check(int result) {
  if (result != SQLITE_OK && result != SQLITE_DONE) throw std::runtime_error(sqlite3_errstr(result));
}

Steps alone(int count) {
  const Folder folder;
  sqlite3* database = nullptr;
  check(sqlite3_open((folder.path + "/alone.db").c_str(), &database));
  check(sqlite3_exec(database,
                     "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                     "CREATE TABLE step (number BIGINT PRIMARY KEY, outcome BYTEA NOT NULL)",
                     nullptr, nullptr, nullptr));
  sqlite3_stmt* insert = nullptr;
  check(sqlite3_prepare_v2(database, "INSERT INTO step (number, outcome) VALUES ($1, $2)", -1, &insert,
                           nullptr));
  const std::string outcome(kOutcome, 'x');
  std::vector<double> latencies;
  const auto start = Watch::now();
  for (int number = 0; number < count; ++number) {
    const auto begun = Watch::now();
    check(sqlite3_bind_int64(insert, 1, number));
    check(sqlite3_bind_blob(insert, 2, outcome.data(), static_cast<int>(outcome.size()), SQLITE_STATIC));
    check(sqlite3_step(insert));
    check(sqlite3_reset(insert));
    latencies.push_back(Micros(Watch::now() - begun).count());
  }
  const double seconds = Micros(Watch::now() - start).count() / 1e6;
  sqlite3_finalize(insert);
  sqlite3_close(database);
  return {count / seconds, median(latencies)};
}

void bench(int runs, int tasks, int each, bool rate, std::string_view bound) {
  std::vector<double> ours;
  std::vector<double> theirs;
  for (int run = 0; run < runs; ++run) {
    const Steps journal = journaled(tasks, each);
    const Steps peer = alone(500);
    ours.push_back(rate ? journal.per_second : journal.p50_us);
    theirs.push_back(rate ? peer.per_second : peer.p50_us);
  }
  const std::string name =
      rate ? fmt::format("durable steps, {} tasks at once", tasks) : "durable step of one task, p50";
  fmt::print(
      "{{\"figure\": \"{}\", \"unit\": \"{}\", \"ours\": {:.4g}, \"peer\": \"SQLite alone\", \"theirs\": "
      "{:.4g}, \"bound\": \"{}\"}}\n",
      name, rate ? "steps/s" : "us", median(ours), median(theirs), bound);
}

}  // namespace
}  // namespace acloud::task

// task_bench [RUNS]
int main(int count, char** arguments) {
  const int runs = count > 1 ? std::atoi(arguments[1]) : 5;
  acloud::task::bench(runs, 1, 500, false, "ratio <= 1.5");
  acloud::task::bench(runs, 32, 200, true, ">= 8000");
  acloud::task::bench(runs, 256, 40, true, "ratio >= 15");
}
