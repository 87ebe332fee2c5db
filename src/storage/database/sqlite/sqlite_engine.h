// Databases as SQLite files, one each, at FOLDER/WORKSPACE/ID.db. Their SQL runs in worker processes, which
// are few, shared, started when they are needed and ended when idle: a database that nobody asks costs
// nothing.
//
// In processes, since SQL from strangers can want any amount of memory, of temporary files and of time within
// one step, which nothing inside of a process bounds; and since it is the largest parser that strangers
// reach.
#pragma once

#include <mutex>

#include "storage/database/sql_engine.h"
#include "storage/database/sqlite/worker_process.h"
#include "storage/database/turns.h"

namespace acloud::storage::sqlite {

struct SqliteOptions {
  std::string folder;
  // What runs worker_main(): the folder comes after these words.
  std::vector<std::string> program = {"/proc/self/exe", "database-worker"};
  std::size_t workers = 4;        // processes at most, each with a thread that waits for it
  std::size_t per_workspace = 2;  // queries of one workspace at a time; the others wait
  std::chrono::milliseconds idle{20'000};
};

class SqliteEngine final : public SqlEngine {
 public:
  explicit SqliteEngine(SqliteOptions options);

  std::string_view kind() const override { return "sqlite"; }
  std::string_view columns_sql() const override;
  Task<Result<>> make(DatabaseKey database) override;
  Task<Result<QueryReply>> run(SqlQuery query) override;
  Task<Result<std::vector<std::string>>> ids() override;
  Task<Result<>> drop(std::string id) override;
  void tidy() override;

  std::size_t idle_workers() const;

 private:
  Result<> make_file(const std::string& file);
  Result<QueryReply> run_blocking(const SqlQuery& query, const async::StopEvent& stop);
  Result<std::unique_ptr<WorkerProcess>> take(const std::string& file);
  void give_back(std::unique_ptr<WorkerProcess> worker);

  const SqliteOptions options_;
  std::mutex files_mutex_;  // of folders: none goes while a file is made in it
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<WorkerProcess>> idle_;  // the one used last at the end
  Turns turns_;
  async::BlockingPool threads_;  // last: its threads use what is above
};

}  // namespace acloud::storage::sqlite
