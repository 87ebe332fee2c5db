// Durable writes and point reads through store::Database on SQLite, beside SQLite alone.
//
// The peer of the writes has the same durability (WAL, synchronous=FULL), the same table and the same
// prepared statements, and commits each write by itself, as fast as one thread can. Both sides take turns,
// five times each; the medians count. Reads have no peer: they compare a read on a thread of the database
// (`read`) with one on the loop's own (`read_here`).
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "async/event_loop.h"
#include "async/task_scope.h"
#include "store/database.h"

namespace acloud::store {
namespace {

using Clock = std::chrono::steady_clock;
using Micros = std::chrono::duration<double, std::micro>;

constexpr int kRuns = 5;
constexpr int kReads = 20'000;
constexpr std::size_t kRowSize = 1024;
const Migration kSchema{"bench-1", "CREATE TABLE item (id BIGINT PRIMARY KEY, content BYTEA NOT NULL)"};
constexpr const char* kInsert = "INSERT INTO item (id, content) VALUES ($1, $2)";

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

double cpu_micros() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto micros = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec);
  };
  return micros(usage.ru_utime) + micros(usage.ru_stime);
}

void print_figure(std::string_view figure, std::string_view unit, double ours, std::string_view more = "") {
  fmt::print("{{\"figure\": \"{}\", \"unit\": \"{}\", \"ours\": {:.4g}{}}}\n", figure, unit, ours, more);
}

// --- writes

Task<> writer(Database& database, std::int64_t first, int count, std::vector<double>& latencies) {
  const std::string content(kRowSize, 'x');
  for (std::int64_t id = first; id < first + count; ++id) {
    const auto start = Clock::now();
    const auto done = co_await database.write_durably(
        [&content, id](Transaction& t) { return t.execute(kInsert, {id, Bytes{content}}); });
    if (!done) throw std::runtime_error(done.error().message());
    latencies.push_back(Micros(Clock::now() - start).count());
  }
}

Task<> writers(Database& database, int tasks, int each, std::vector<double>& latencies) {
  async::TaskScope scope;
  for (int i = 0; i < tasks; ++i) scope.spawn(writer(database, std::int64_t{i} * each, each, latencies));
  co_await scope.join();
}

struct Writes {
  double per_second;
  double p50_us;
  double p99_us;
};

Writes grouped(int tasks, int count) {
  const Folder folder;
  const auto database = open({.data_folder = folder.path}, {kSchema}).value();
  async::EventLoop loop;
  std::vector<double> latencies;
  const auto start = Clock::now();
  loop.run_until_done(writers(*database, tasks, count / tasks, latencies));
  const double seconds = Micros(Clock::now() - start).count() / 1e6;
  std::ranges::sort(latencies);
  return {static_cast<double>(latencies.size()) / seconds, latencies[latencies.size() / 2],
          latencies[latencies.size() * 99 / 100]};
}

void check(int result) {
  if (result != SQLITE_OK && result != SQLITE_DONE) throw std::runtime_error(sqlite3_errstr(result));
}

double alone(int count) {
  const Folder folder;
  sqlite3* database = nullptr;
  check(sqlite3_open((folder.path + "/alone.db").c_str(), &database));
  check(sqlite3_exec(database, ("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; " + kSchema.sql).c_str(),
                     nullptr, nullptr, nullptr));
  sqlite3_stmt* insert = nullptr;
  check(sqlite3_prepare_v2(database, kInsert, -1, &insert, nullptr));
  const std::string content(kRowSize, 'x');
  const auto start = Clock::now();
  for (int id = 0; id < count; ++id) {
    check(sqlite3_bind_int64(insert, 1, id));
    check(sqlite3_bind_blob(insert, 2, content.data(), static_cast<int>(content.size()), SQLITE_STATIC));
    check(sqlite3_step(insert));
    check(sqlite3_reset(insert));
  }
  const double seconds = Micros(Clock::now() - start).count() / 1e6;
  sqlite3_finalize(insert);
  sqlite3_close(database);
  return count / seconds;
}

void bench_writes(int tasks, int count, std::string_view bound) {
  std::vector<double> ours;
  std::vector<double> p50;
  std::vector<double> p99;
  std::vector<double> theirs;
  for (int run = 0; run < kRuns; ++run) {
    const Writes writes = grouped(tasks, count);
    ours.push_back(writes.per_second);
    p50.push_back(writes.p50_us);
    p99.push_back(writes.p99_us);
    theirs.push_back(alone(std::min(count, 2000)));
  }
  const std::string name = fmt::format("durable write of 1 KiB, {} at once", tasks);
  print_figure(name, "writes/s", median(ours),
               fmt::format(", \"peer\": \"SQLite alone\", \"theirs\": {:.4g}{}", median(theirs), bound));
  print_figure(name + ", p50", "us", median(p50));
  print_figure(name + ", p99", "us", median(p99));
}

// --- reads

struct PointRead {
  std::int64_t id;
  Result<std::size_t> operator()(Reader& reader) const {
    ACLOUD_TRY(const Rows rows, reader.query("SELECT content FROM item WHERE id = $1", {id}));
    return rows.at(0).bytes(0).size();
  }
};

Task<> read_many(Database& database, bool here) {
  for (int i = 0; i < kReads; ++i) {
    const PointRead read{.id = i % 2000};
    const auto size = here ? co_await database.read_here(read) : co_await database.read(read);
    if (!size || *size != kRowSize) throw std::runtime_error("a row is not there");
  }
}

void bench_reads() {
  const Folder folder;
  const auto database = open({.data_folder = folder.path}, {kSchema}).value();
  async::EventLoop loop;
  std::vector<double> ignored;
  loop.run_until_done(writers(*database, 50, 40, ignored));
  for (const bool here : {false, true}) {
    std::vector<double> cpu;
    std::vector<double> wall;
    for (int run = 0; run < kRuns; ++run) {
      const double cpu_before = cpu_micros();
      const auto start = Clock::now();
      loop.run_until_done(read_many(*database, here));
      wall.push_back(Micros(Clock::now() - start).count() / kReads);
      cpu.push_back((cpu_micros() - cpu_before) / kReads);
    }
    const std::string name = fmt::format("point read of 1 KiB, {}", here ? "read_here" : "read");
    print_figure(name + ", CPU", "us", median(cpu));
    print_figure(name + ", time", "us", median(wall));
  }
}

}  // namespace
}  // namespace acloud::store

int main() {
  using namespace acloud::store;
  bench_writes(1, 500, "");
  bench_writes(64, 12800, ", \"bound\": \"ratio >= 5\"");
  bench_writes(512, 25600, "");
  bench_reads();
}
