// A Connection over PostgreSQL.
//
// Writes are SERIALIZABLE: store/database.h says why. Reads see one snapshot (REPEATABLE READ, READ ONLY).
// Openers take turns by locking a row, which PostgreSQL-compatible databases without advisory locks have too.
#pragma once

#include <memory>
#include <string>

#include "store/connection.h"
#include "store/postgres/session.h"

namespace acloud::store::postgres {

class PostgresConnection final : public Connection {
 public:
  // Connects when it is first used, and again after the connection was lost.
  PostgresConnection(std::string url, Session::Access access) : url_(std::move(url)), access_(access) {}

  Result<Rows> query(std::string_view sql, const Params& params) override;
  Result<std::int64_t> execute(std::string_view sql, const Params& params) override;
  Result<> begin(Mode mode) override;
  Result<> commit() override;
  void rollback() override;
  Result<> savepoint() override;
  Result<> keep() override;
  Result<> undo() override;
  Result<> run_script(const std::string& sql) override;
  State state() const override;

 private:
  Result<> connect();
  Result<> begin_schema();
  Result<> begin_alone();
  Result<ResultPtr> run(std::string_view sql, const Params& params);

  const std::string url_;
  const Session::Access access_;
  std::unique_ptr<Session> session_;
  bool started_ = false;  // a statement was sent since begin()
};

}  // namespace acloud::store::postgres
