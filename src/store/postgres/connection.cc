#include "store/postgres/connection.h"

#include <charconv>
#include <nlohmann/json.hpp>

namespace acloud::store::postgres {
namespace {

constexpr const char* kBeginWrite = "BEGIN ISOLATION LEVEL SERIALIZABLE";
// IF NOT EXISTS itself races, in the catalogue's unique indexes: whoever comes second must wait outside. The
// key is any number, "acloud" in ASCII.
constexpr const char* kLockTable =
    "SELECT pg_advisory_xact_lock(107079648900452); "
    "CREATE TABLE IF NOT EXISTS acloud_lock (id BIGINT PRIMARY KEY); "
    "INSERT INTO acloud_lock (id) VALUES (1) ON CONFLICT DO NOTHING";

Result<Row> row_of(const PGresult* result, int row) {
  const int columns = PQnfields(result);
  Row values;
  values.values.reserve(static_cast<std::size_t>(columns));
  for (int column = 0; column < columns; ++column) {
    if (PQgetisnull(result, row, column) == 1) {
      values.values.emplace_back();
      continue;
    }
    const std::string_view bytes(PQgetvalue(result, row, column),
                                 static_cast<std::size_t>(PQgetlength(result, row, column)));
    ACLOUD_TRY(auto value, decode(PQftype(result, column), bytes));
    values.values.push_back(std::move(value));
  }
  return values;
}

}  // namespace

Result<> PostgresConnection::connect() {
  session_.reset();
  ACLOUD_TRY(session_, Session::connect(url_, access_));
  return {};
}

Result<> PostgresConnection::begin(Mode mode) {
  if (session_ == nullptr || !session_->alive()) ACLOUD_CHECK(connect());
  session_->forget_race();
  started_ = false;
  switch (mode) {
    case Mode::statement:
      break;
    case Mode::read:
      session_->defer("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
      break;
    case Mode::write:
      session_->defer(kBeginWrite);
      break;
    case Mode::alone:
      return begin_alone();
    case Mode::schema:
      return begin_schema();
  }
  return {};
}

Result<> PostgresConnection::begin_schema() {
  ACLOUD_CHECK(session_->run_script(kLockTable));
  // READ COMMITTED: whoever waited for the lock must see what its holder did. A step may take its time.
  session_->defer("BEGIN ISOLATION LEVEL READ COMMITTED");
  session_->defer("SET LOCAL statement_timeout = 0");
  ACLOUD_CHECK(run("SELECT id FROM acloud_lock WHERE id = 1 FOR UPDATE", {}));
  return {};
}

// The lock must be had before the transaction's snapshot is taken, or it would begin with what its holder has
// just changed: LOCK TABLE takes none, unlike a SELECT. Where a database compatible with PostgreSQL has no
// such lock, all depends on luck as before.
Result<> PostgresConnection::begin_alone() {
  session_->defer(kBeginWrite);
  const auto locked = session_->run_command("LOCK TABLE acloud_lock IN EXCLUSIVE MODE");
  started_ = true;
  if (locked || session_->broken()) return locked ? Result<>() : std::unexpected(locked.error());
  rollback();
  session_->forget_race();
  session_->defer(kBeginWrite);
  return {};
}

Result<ResultPtr> PostgresConnection::run(std::string_view sql, const Params& params) {
  started_ = true;
  return session_->run(sql, params);
}

Result<Rows> PostgresConnection::query(std::string_view sql, const Params& params) {
  ACLOUD_TRY(const ResultPtr result, run(sql, params));
  Rows rows;
  const int count = PQntuples(result.get());
  rows.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    ACLOUD_TRY(auto row, row_of(result.get(), i));
    rows.push_back(std::move(row));
  }
  return rows;
}

Result<std::int64_t> PostgresConnection::execute(std::string_view sql, const Params& params) {
  ACLOUD_TRY(const ResultPtr result, run(sql, params));
  const std::string_view count = PQcmdTuples(result.get());
  std::int64_t rows = 0;  // stays so where the command does not count any
  std::from_chars(count.data(), count.data() + count.size(), rows);
  return rows;
}

Result<> PostgresConnection::commit() {
  if (!started_) {  // nothing of the transaction has left this process
    session_->forget_deferred();
    return {};
  }
  const auto committed = session_->run_command("COMMIT");
  if (!committed) {
    Error error = committed.error();
    if (!session_->broken()) return std::unexpected(std::move(error));
    return std::unexpected(std::move(error)
                               .within("it is not known whether the write was committed")
                               .with_detail("outcome", "unknown"));
  }
  // To the COMMIT of a failed transaction PostgreSQL answers ROLLBACK, without an error.
  if (std::string_view(PQcmdStatus(committed->get())) == "COMMIT") return {};
  return fail(ErrorCode::internal, "PostgreSQL rolled back instead of committing");
}

void PostgresConnection::rollback() {
  if (session_ == nullptr) return;
  session_->forget_deferred();
  // Where it fails the connection is gone, and the transaction with it.
  if (session_->in_transaction()) std::ignore = session_->run_command("ROLLBACK");
}

Result<> PostgresConnection::savepoint() {
  session_->defer("SAVEPOINT closure");
  return {};
}

Result<> PostgresConnection::keep() {
  session_->defer("RELEASE SAVEPOINT closure");
  return {};
}

Result<> PostgresConnection::undo() {
  if (state() != State::sound) return {};
  session_->defer("ROLLBACK TO SAVEPOINT closure");
  return keep();
}

Result<> PostgresConnection::run_script(const std::string& sql) {
  started_ = true;
  return session_->run_script(sql);
}

Connection::State PostgresConnection::state() const {
  if (session_ == nullptr || session_->broken()) return State::lost;
  return session_->raced() ? State::raced : State::sound;
}

}  // namespace acloud::store::postgres
