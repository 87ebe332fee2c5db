#include "storage/database/sqlite/sqlite_engine.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace acloud::storage::sqlite {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".db";

std::string file_of(const DatabaseKey& database) {
  return fmt::format("{}/{}{}", database.workspace, database.id, kSuffix);
}

// The files of SQLite's that are kept beside a database.
constexpr std::array<std::string_view, 3> kBeside = {"", "-wal", "-shm"};

std::vector<fs::path> files(const std::string& folder) {
  std::vector<fs::path> all;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (at->path().filename().string().ends_with(kSuffix)) all.push_back(at->path());
  }
  return all;
}

Result<std::vector<std::string>> ids_in(const std::string& folder) {
  const std::vector<fs::path> found = files(folder);
  std::vector<std::string> ids;
  ids.reserve(found.size());
  for (const fs::path& file : found) ids.push_back(file.stem().string());
  return ids;
}

// With its folder, where nothing else is in it.
Result<> remove_files(const fs::path& file) {
  for (const std::string_view suffix : kBeside) {
    std::error_code error;
    fs::remove(file.string() + std::string(suffix), error);
    if (error) return fail_errno(error.value(), file.string());
  }
  std::error_code not_empty;  // which it may well be
  fs::remove(file.parent_path(), not_empty);
  return {};
}

}  // namespace

SqliteEngine::SqliteEngine(SqliteOptions options)
    : options_(std::move(options)),
      turns_(options_.per_workspace),
      threads_("acloud-sql", options_.workers) {}

std::string_view SqliteEngine::columns_sql() const {
  return "SELECT t.name, c.name, c.type FROM sqlite_schema t JOIN pragma_table_xinfo(t.name) c "
         "WHERE t.type IN ('table', 'view') AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
         "AND t.name <> '_acloud_calls' ORDER BY t.name, "
         "c.cid";
}

// The file is made by its first query: until then a database is a row.
Task<Result<>> SqliteEngine::make(DatabaseKey) { co_return Result<>(); }

Task<Result<QueryReply>> SqliteEngine::run(SqlQuery query) {
  ACLOUD_CO_TRY(const Turns::Held turn, co_await turns_.acquire(query.database.workspace, query.by));
  const async::StopEvent stop(co_await async::this_stop_token());
  co_return co_await async::run_blocking(threads_,
                                         [this, &query, &stop] { return run_blocking(query, stop); });
}

Result<QueryReply> SqliteEngine::run_blocking(const SqlQuery& query, const async::StopEvent& stop) {
  const auto left =
      std::chrono::floor<std::chrono::milliseconds>(query.by.when() - std::chrono::steady_clock::now());
  if (left.count() <= 0)
    return fail(ErrorCode::deadline_exceeded, "the server had no time for the query in its timeout_s");
  WorkerQuery asked{.file = file_of(query.database),
                    .sql = query.sql,
                    .params = query.params,
                    .limit = query.limit,
                    .time = std::min<std::chrono::milliseconds>(left, kQueryTimeMost),
                    .once = query.once,
                    .at = query.at};
  ACLOUD_CHECK(make_file(asked.file));
  ACLOUD_TRY(auto worker, take(asked.file));
  auto reply = worker->run(asked, stop);
  if (worker->sound()) give_back(std::move(worker));
  return reply;
}

// Empty, which SQLite takes for a new database, so that its folder stays while a worker opens it.
Result<> SqliteEngine::make_file(const std::string& file) {
  const fs::path path = fs::path(options_.folder) / file;
  std::error_code error;
  if (fs::exists(path, error)) return {};
  const std::lock_guard lock(files_mutex_);
  fs::create_directories(path.parent_path(), error);
  if (error) return fail_errno(error.value(), path.parent_path().string());
  const int made = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (made < 0) return fail_errno(errno, path.string());
  ::close(made);
  return {};
}

// An idle worker, rather the one that has the file open.
Result<std::unique_ptr<WorkerProcess>> SqliteEngine::take(const std::string& file) {
  {
    const std::lock_guard lock(mutex_);
    auto found = std::ranges::find_if(idle_, [&](const auto& worker) { return worker->last_file() == file; });
    if (found == idle_.end() && !idle_.empty()) found = idle_.end() - 1;
    if (found != idle_.end()) {
      auto worker = std::move(*found);
      idle_.erase(found);
      return worker;
    }
  }
  return WorkerProcess::start(options_.program, options_.folder);
}

void SqliteEngine::give_back(std::unique_ptr<WorkerProcess> worker) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(worker));
}

void SqliteEngine::tidy() {
  std::vector<std::unique_ptr<WorkerProcess>> ended;  // outside of the lock
  const Instant before = std::chrono::steady_clock::now() - options_.idle;
  const std::lock_guard lock(mutex_);
  for (auto& worker : idle_) {
    if (worker->last_used() < before) ended.push_back(std::move(worker));
  }
  std::erase(idle_, nullptr);
}

std::size_t SqliteEngine::idle_workers() const {
  const std::lock_guard lock(mutex_);
  return idle_.size();
}

Task<Result<std::vector<std::string>>> SqliteEngine::ids() {
  co_return co_await async::run_blocking(threads_, [this] { return ids_in(options_.folder); });
}

Task<Result<>> SqliteEngine::drop(std::string id) {
  co_return co_await async::run_blocking(threads_, [this, &id]() -> Result<> {
    for (const fs::path& file : files(options_.folder)) {
      if (file.stem().string() != id) continue;
      const std::lock_guard lock(files_mutex_);
      ACLOUD_CHECK(remove_files(file));
    }
    return {};
  });
}

}  // namespace acloud::storage::sqlite
