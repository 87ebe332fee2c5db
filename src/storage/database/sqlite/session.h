// One database's file, open in a worker process: runs SQL from strangers within limits.
//
// The limits that hold for the process (memory, size of files) are the worker's; here are those of a query:
// its time, what it may touch, how much it gives.
#pragma once

#include <sqlite3.h>

#include <memory>

#include "storage/database/sqlite/authorizer.h"
#include "storage/database/sqlite/calls.h"
#include "storage/database/sqlite/wire.h"

namespace acloud::storage::sqlite {

class Session {
 public:
  // Makes the file where there is none. Errors: unavailable, internal.
  static Result<std::unique_ptr<Session>> open(const std::string& path);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // All of it, on disk, or nothing; once, where the call has a name. Errors: as SqlEngine::run;
  // details.offset says where in the SQL.
  Result<QueryReply> run(const WorkerQuery& query);
  // False after a query that left something to the connection: it must be closed.
  bool reusable() const { return !authorizer_.leaves_traces(); }

 private:
  struct Close {
    void operator()(sqlite3* raw) const { sqlite3_close_v2(raw); }
  };
  struct Finalize {
    void operator()(sqlite3_stmt* raw) const { sqlite3_finalize(raw); }
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;
  struct Output;

  Session() = default;
  Result<> configure(bool fresh);
  Result<> control(const char* sql);
  Result<Statement> prepare(std::string_view& rest);
  Result<> run_all(const WorkerQuery& query, Calls& calls, std::size_t from, Output& output);
  Result<> run_one(sqlite3_stmt* statement, Output& output);
  // In a transaction of its own, with the call's record.
  Result<> run_kept(sqlite3_stmt* statement, Calls& calls, std::size_t upto, Output& output);
  Result<> bind(sqlite3_stmt* statement, const std::vector<Json>& params);
  std::unexpected<Error> failed(int result);
  static int on_progress(void* self);

  std::unique_ptr<sqlite3, Close> raw_;
  Authorizer authorizer_;
  Instant until_ = Instant::max();
};

}  // namespace acloud::storage::sqlite
