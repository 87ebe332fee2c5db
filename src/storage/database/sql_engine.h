// What runs the SQL of product `database`: SQL from strangers, which must harm neither the server nor any
// database but its own. SQLite in worker processes (sqlite/), or a PostgreSQL server (postgres/).
#pragma once

#include "async/wait.h"
#include "storage/database/database_types.h"

namespace acloud::storage {

// A database as an engine knows it: its id is made of [a-z0-9_] and is never used for another.
struct DatabaseKey {
  std::string workspace;
  std::string id;
  std::string password;  // of its role, where the engine has such
};

struct SqlQuery {
  DatabaseKey database;
  std::string sql;
  std::vector<Json> params;
  std::int64_t limit = kQueryRowsDefault;
  // The call's name (kernel::Context::once), "" for none: SQL that was done under it is not done again, its
  // reply is given anew. `at`: when the call was made.
  std::string once;
  Time at{};
  async::Deadline by = async::Deadline::never();
};

class SqlEngine {
 public:
  virtual ~SqlEngine() = default;
  // "sqlite" or "postgres".
  virtual std::string_view kind() const = 0;
  // Can other servers make databases here?
  virtual bool shared() const { return false; }
  // A query for (table, column, type) of every table and view, in order.
  virtual std::string_view columns_sql() const = 0;

  // Makes an empty database. Errors: unavailable, internal.
  virtual Task<Result<>> make(DatabaseKey database) = 0;
  // What was acknowledged is on disk. Errors: invalid_argument (wrong or refused SQL), conflict (a
  // constraint), too_large (a limit of memory or size), deadline_exceeded or cancelled (undone), unavailable,
  // internal.
  virtual Task<Result<QueryReply>> run(SqlQuery query) = 0;
  // The ids of all databases that are there.
  virtual Task<Result<std::vector<std::string>>> ids() = 0;
  // Removes one, whatever still uses it; nothing where there is none.
  virtual Task<Result<>> drop(std::string id) = 0;
  // To be called about once a second: ends what is idle.
  virtual void tidy() {}
};

}  // namespace acloud::storage
