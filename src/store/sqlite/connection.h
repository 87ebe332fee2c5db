// A Connection over SQLite: one file in WAL mode with synchronous=FULL.
//
// Checkpoints, which move pages from the log into the file, are not done by the commit that happens to fill
// the log, as SQLite would by itself: the writer tells its Checkpointer how long the log is, and that copies
// beside it. Only where the log has grown past kLogTooLong, since under steady writes the copy never quite
// catches up and the log can't start over, does the writer copy the little that is left before its next
// group.
#pragma once

#include <sqlite3.h>

#include <functional>
#include <memory>
#include <string>

#include "store/connection.h"
#include "store/sqlite/statement.h"

namespace acloud::store::sqlite {

class Checkpointer;

struct Location {
  std::string path;
  std::string vfs;  // a registered one; empty for the machine's files
};

class SqliteConnection final : public Connection {
 public:
  // A writer starts its own Checkpointer, which works over a connection of the third kind.
  enum class Role { writer, reader, checkpointer };
  static constexpr int kLogTooLong = 8192;  // pages: 32 MiB

  // The first writer makes the file.
  static Result<std::unique_ptr<SqliteConnection>> open(const Location& location, Role role);
  ~SqliteConnection() override;

  Result<Rows> query(std::string_view sql, const Params& params) override;
  Result<std::int64_t> execute(std::string_view sql, const Params& params) override;
  Result<> begin(Mode mode) override;
  Result<> commit() override;
  void rollback() override;
  Result<> savepoint() override { return run("SAVEPOINT closure"); }
  Result<> keep() override { return run("RELEASE closure"); }
  Result<> undo() override;
  Result<> run_script(const std::string& sql) override;
  State state() const override;

  // Of a writer: called with each commit. `log_is_long`: the log is to begin anew, which can only be while
  // nobody reads.
  void when_committed(std::function<void(bool log_is_long)> committed) { committed_ = std::move(committed); }

  // Copies what the log holds into the file, as far as no reader needs the older pages.
  Result<> checkpoint();

 private:
  struct Close {
    void operator()(sqlite3* raw) const { sqlite3_close_v2(raw); }
  };
  explicit SqliteConnection(sqlite3* raw);
  Result<> set_up(const Location& location, Role role);
  Result<> run(std::string_view control);
  static int on_commit(void* self, sqlite3* database, const char* name, int pages_in_log);

  std::unique_ptr<sqlite3, Close> raw_;  // before the statements, which go first
  StatementCache statements_;
  std::unique_ptr<Checkpointer> checkpointer_;
  std::function<void(bool)> committed_ = [](bool) {};
  Mode mode_ = Mode::statement;
  int pages_in_log_ = 0;
};

}  // namespace acloud::store::sqlite
