#include "store/sqlite/connection.h"

#include "store/sqlite/checkpointer.h"
#include "store/sqlite/error.h"

namespace acloud::store::sqlite {
namespace {

constexpr int kBusyTimeoutMs = 5000;

// DEFENSIVE: no SQL can damage the file. Double quotes are for names alone and LIKE minds the case, as in
// PostgreSQL, so that a statement means the same on both.
constexpr const char* kEverySession =
    "PRAGMA foreign_keys=ON; PRAGMA synchronous=FULL; PRAGMA case_sensitive_like=ON; PRAGMA "
    "cache_size=-8000;";

// The log stays as long as it once was: overwriting costs less than growing it anew.
constexpr const char* kWriterSession = "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=-1;";

void configure(sqlite3* raw) {
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, kBusyTimeoutMs);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
}

}  // namespace

SqliteConnection::SqliteConnection(sqlite3* raw) : raw_(raw), statements_(raw) {}
SqliteConnection::~SqliteConnection() = default;

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open(const Location& location, Role role) {
  const int access = role == Role::reader ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  // Its own count of what it allocates, which takes a lock each time, is read by nobody.
  static const int uncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  std::ignore = uncounted;  // refused where another has begun to use SQLite: then it is as it was
  sqlite3* raw = nullptr;
  const int opened = sqlite3_open_v2(location.path.c_str(), &raw, access | SQLITE_OPEN_NOMUTEX,
                                     location.vfs.empty() ? nullptr : location.vfs.c_str());
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(raw));
  if (opened != SQLITE_OK) return fail_sqlite(raw, fmt::format("open {}", location.path));
  configure(raw);
  if (auto ready = connection->set_up(location, role); !ready) {
    return std::unexpected(std::move(ready.error()).within(fmt::format("open {}", location.path)));
  }
  return connection;
}

Result<> SqliteConnection::set_up(const Location& location, Role role) {
  ACLOUD_CHECK(run_script(kEverySession));
  if (role == Role::reader) return {};
  ACLOUD_TRY(const Rows mode, query("PRAGMA journal_mode=WAL", {}));
  if (mode.size() != 1 || mode[0].text(0) != "wal") {
    return fail(ErrorCode::internal, "SQLite keeps no write-ahead log here");
  }
  ACLOUD_CHECK(run_script(kWriterSession));
  if (role == Role::checkpointer) return {};
  ACLOUD_TRY(checkpointer_, Checkpointer::start(location));
  sqlite3_wal_hook(raw_.get(), &SqliteConnection::on_commit,
                   this);  // last: wal_autocheckpoint takes its place
  return {};
}

Result<Rows> SqliteConnection::query(std::string_view sql, const Params& params) {
  ACLOUD_TRY(Statement * statement, statements_.get(sql));
  Rows rows;
  ACLOUD_CHECK(statement->run(params, &rows));
  return rows;
}

Result<std::int64_t> SqliteConnection::execute(std::string_view sql, const Params& params) {
  ACLOUD_TRY(Statement * statement, statements_.get(sql));
  // sqlite3_changes keeps an older statement's count where this one is none that changes rows.
  const auto before = sqlite3_total_changes64(raw_.get());
  ACLOUD_CHECK(statement->run(params, nullptr));
  return sqlite3_total_changes64(raw_.get()) == before ? 0 : sqlite3_changes64(raw_.get());
}

Result<> SqliteConnection::run(std::string_view control) {
  ACLOUD_TRY(Statement * statement, statements_.get(control));
  return statement->run({}, nullptr);
}

Result<> SqliteConnection::run_script(const std::string& sql) {
  if (sqlite3_exec(raw_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return fail_sqlite(raw_.get(), "script");
  }
  return {};
}

Result<> SqliteConnection::begin(Mode mode) {
  mode_ = mode;
  if (mode == Mode::statement) return {};
  if (mode == Mode::read) return run("BEGIN");
  // Where it fails the log grows on; if the disk is to blame, the commit will say so.
  if (pages_in_log_ > kLogTooLong) checkpointer_->while_idle([this] { std::ignore = checkpoint(); });
  return run("BEGIN IMMEDIATE");
}

Result<> SqliteConnection::commit() {
  ACLOUD_CHECK(run("COMMIT"));
  committed_(pages_in_log_ > kLogTooLong);
  return {};
}

void SqliteConnection::rollback() {
  // Where it is gone already there is nothing to undo; an error here has no other meaning.
  if (sqlite3_get_autocommit(raw_.get()) == 0) std::ignore = run("ROLLBACK");
}

Result<> SqliteConnection::undo() {
  if (state() == State::lost) return {};
  ACLOUD_CHECK(run("ROLLBACK TO closure"));
  return run("RELEASE closure");
}

// SQLite gives up a whole transaction by itself when the disk is full or fails.
Connection::State SqliteConnection::state() const {
  const bool open = sqlite3_get_autocommit(raw_.get()) == 0;
  return open || mode_ == Mode::statement ? State::sound : State::lost;
}

Result<> SqliteConnection::checkpoint() {
  int pages = 0;
  int copied = 0;
  const int result =
      sqlite3_wal_checkpoint_v2(raw_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
  if (result == SQLITE_BUSY) return {};  // the other one is copying
  if (result != SQLITE_OK) return fail_sqlite(raw_.get(), "checkpoint");
  return {};
}

int SqliteConnection::on_commit(void* self, sqlite3*, const char*, int pages_in_log) {
  auto& connection = *static_cast<SqliteConnection*>(self);
  connection.pages_in_log_ = pages_in_log;
  connection.checkpointer_->log_has(pages_in_log);
  return SQLITE_OK;
}

}  // namespace acloud::store::sqlite
