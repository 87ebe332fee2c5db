// Prepared statements of one connection, and the cache that keeps them: preparing costs ten times as much as
// a point read.
#pragma once

#include <sqlite3.h>

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/sql.h"

namespace acloud::store::sqlite {

class Statement {
 public:
  // Errors: internal where `sql` is wrong, is not exactly one statement, or has other placeholders than $1,
  // $2...
  static Result<std::unique_ptr<Statement>> prepare(sqlite3* database, std::string_view sql);

  // Runs it to its end; `rows` gets what it gives, or may be null.
  Result<> run(const Params& params, Rows* rows);

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* raw) const { sqlite3_finalize(raw); }
  };
  Statement(sqlite3* database, sqlite3_stmt* raw) : database_(database), raw_(raw) {}
  Result<> read_placeholders(std::string_view sql);
  Result<> bind(const Params& params);
  Row row() const;

  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> raw_;
  std::vector<std::size_t> placeholders_;  // of SQLite's i-th parameter: 2 for $2
  std::size_t params_ = 0;                 // the highest of them
};

// Keeps the statements used last.
class StatementCache {
 public:
  static constexpr std::size_t kCapacity = 256;

  explicit StatementCache(sqlite3* database) : database_(database) {}
  // Valid until the next call. Errors: as prepare.
  Result<Statement*> get(std::string_view sql);

 private:
  struct Entry {
    std::string sql;
    std::unique_ptr<Statement> statement;
  };
  sqlite3* database_;
  std::list<Entry> entries_;  // the one used last in front
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_sql_;
};

}  // namespace acloud::store::sqlite
