// Databases on the PostgreSQL server that the store is on: a real database each, which belongs to a role of
// its own, that may nothing else. The SQL comes from a connection as that role, new for each query, so that
// nothing of one query is left to the next.
#pragma once

#include "storage/database/postgres/connection.h"
#include "storage/database/sql_engine.h"
#include "storage/database/turns.h"

namespace acloud::storage::postgres {

struct PostgresOptions {
  std::string url;                // the store's: its user must be allowed CREATEDB and CREATEROLE
  std::size_t threads = 8;        // queries at a time, each with a connection
  std::size_t per_workspace = 4;  // of these for one workspace
};

class PostgresEngine final : public SqlEngine {
 public:
  explicit PostgresEngine(PostgresOptions options);

  std::string_view kind() const override { return "postgres"; }
  bool shared() const override { return true; }
  std::string_view columns_sql() const override;
  Task<Result<>> make(DatabaseKey database) override;
  Task<Result<QueryReply>> run(SqlQuery query) override;
  Task<Result<std::vector<std::string>>> ids() override;
  Task<Result<>> drop(std::string id) override;

 private:
  std::string name_of(const std::string& id) const { return prefix_ + id; }
  Result<> make_blocking(const DatabaseKey& database);
  Result<QueryReply> run_blocking(const SqlQuery& query, const async::StopEvent& stop);
  Result<std::vector<std::string>> ids_blocking();
  Result<> drop_blocking(const std::string& id);

  const PostgresOptions options_;
  const std::string prefix_;  // of its databases' names: another store's on the same server have another
  Turns turns_;
  async::BlockingPool threads_;
};

}  // namespace acloud::storage::postgres
