// What a database's file remembers of the calls that wrote to it, so that a call that is made again, since
// the server died before it could tell, is not done twice.
//
// A table of the file's own, that SQL from strangers does not reach, has a row for each call with a name: how
// much of its SQL was done, and its reply. The row is written in the transaction of the effect, so there are
// both or neither. Rows are kept 24 hours, the last kKept of them.
#pragma once

#include <sqlite3.h>

#include "storage/database/sqlite/authorizer.h"
#include "storage/database/sqlite/wire.h"

namespace acloud::storage::sqlite {

class Calls {
 public:
  static constexpr std::int64_t kKept = 10'000;

  Calls(sqlite3* raw, Authorizer& authorizer, const WorkerQuery& query);

  struct Done {
    std::size_t sql = 0;  // bytes of the SQL: all of it, or what was committed by a COMMIT in the middle
    QueryReply reply;     // so far
  };
  // Nothing where the call has no name, or was not done. Errors: internal.
  Result<std::optional<Done>> find();
  // REQUIRES: a transaction is open. Errors: unavailable (somebody else does the same call, so this must be
  // undone), and SQLite's.
  Result<> keep(const Done& done);
  bool named() const { return !query_.once.empty(); }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* raw) const { sqlite3_finalize(raw); }
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;
  Result<Statement> prepare(std::string_view sql);
  Result<> step(sqlite3_stmt* statement);
  std::unexpected<Error> failed();

  sqlite3* raw_;
  Authorizer& authorizer_;
  const WorkerQuery& query_;
  std::int64_t doer_ = 0;   // this run of the call
  std::int64_t found_ = 0;  // the run that find() found
};

}  // namespace acloud::storage::sqlite
