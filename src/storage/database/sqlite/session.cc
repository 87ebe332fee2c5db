#include "storage/database/sqlite/session.h"

#include <cmath>
#include <filesystem>

#include "storage/database/sqlite/values.h"

namespace acloud::storage::sqlite {
namespace {

constexpr int kStepsBetweenLooks = 1000;  // some ten microseconds
constexpr std::int64_t kPageSize = 4096;

struct Limit {
  int what;
  int most;
};
constexpr std::array<Limit, 9> kLimits = {{{SQLITE_LIMIT_LENGTH, 16 << 20},
                                           {SQLITE_LIMIT_SQL_LENGTH, static_cast<int>(kSqlMost)},
                                           {SQLITE_LIMIT_COLUMN, 1000},
                                           {SQLITE_LIMIT_VDBE_OP, 2'000'000},
                                           {SQLITE_LIMIT_ATTACHED, 0},
                                           {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000},
                                           {SQLITE_LIMIT_VARIABLE_NUMBER, static_cast<int>(kQueryParamsMost)},
                                           {SQLITE_LIMIT_TRIGGER_DEPTH, 100},
                                           {SQLITE_LIMIT_WORKER_THREADS, 0}}};

ErrorCode code_of(int result) {
  switch (result & 0xff) {
    case SQLITE_CONSTRAINT:
      return ErrorCode::conflict;
    case SQLITE_TOOBIG:
    case SQLITE_NOMEM:
    case SQLITE_FULL:
      return ErrorCode::too_large;
    case SQLITE_INTERRUPT:
      return ErrorCode::deadline_exceeded;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return ErrorCode::unavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_INTERNAL:
      return ErrorCode::internal;
    default:
      return ErrorCode::invalid_argument;
  }
}

std::string_view advice_for(int result) {
  switch (result & 0xff) {
    case SQLITE_NOMEM:
      return ": the query needs more memory than a query may have; ask for less at once";
    case SQLITE_FULL:
      return ": a database may have 1 GiB";
    case SQLITE_INTERRUPT:
      return ": the query took longer than it may (timeout_s) and was undone";
    case SQLITE_BUSY:
      return ": another query was writing for all of this one's time; try again";
    default:
      return "";
  }
}

}  // namespace

// What a query has given so far.
struct Session::Output {
  QueryReply reply;
  std::int64_t limit = 0;
  std::int64_t bytes = 0;
  std::int64_t largest = 0;  // of the rows that had no room
  bool wrote = false;
  std::int64_t affected = 0;

  // As it stands.
  Calls::Done done(std::size_t upto) const {
    Calls::Done done{.sql = upto, .reply = reply};
    if (wrote) done.reply.rows_affected = affected;
    return done;
  }
  void go_on_from(QueryReply earlier) {
    reply = std::move(earlier);
    wrote = reply.rows_affected.has_value();
    affected = reply.rows_affected.value_or(0);
  }

  // Where a statement that gives rows begins: they take the place of those before.
  void begin(sqlite3_stmt* statement) {
    reply.columns.clear();
    reply.rows.clear();
    reply.truncated.reset();
    bytes = 0;
    largest = 0;
    for (int i = 0; i < sqlite3_column_count(statement); ++i) {
      const char* name = sqlite3_column_name(statement, i);
      reply.columns.push_back(to_valid_utf8(name == nullptr ? "" : name));
    }
  }

  // False where there is no room for it.
  bool add_row(sqlite3_stmt* statement) {
    const int columns = sqlite3_column_count(statement);
    std::int64_t size = 0;
    for (int i = 0; i < columns; ++i) size += 16 + sqlite3_column_bytes(statement, i);
    if (std::ssize(reply.rows) == limit || bytes + size > kQueryBytesMost) {
      reply.truncated = true;
      largest = std::max(largest, size);
      return false;
    }
    bytes += size;
    std::vector<Json>& row = reply.rows.emplace_back();
    for (int i = 0; i < columns; ++i) row.push_back(to_json(statement, i));
    return true;
  }
};

Result<std::unique_ptr<Session>> Session::open(const std::string& path) {
  std::unique_ptr<Session> session(new Session());
  std::error_code missing;
  const bool fresh = std::filesystem::file_size(path, missing) == 0 || missing;
  sqlite3* raw = nullptr;
  const int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
  const int opened = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  session->raw_.reset(raw);
  if (opened != SQLITE_OK) return session->failed(opened);
  ACLOUD_CHECK(session->configure(fresh));
  return session;
}

Result<> Session::configure(bool fresh) {
  sqlite3* raw = raw_.get();
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, 5000);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0, nullptr);
  authorizer_.watch(raw);
  sqlite3_progress_handler(raw, kStepsBetweenLooks, &Session::on_progress, this);
  // What is deleted makes room. It waits for whoever writes, also where it changes nothing.
  if (fresh) ACLOUD_CHECK(control("PRAGMA auto_vacuum=FULL"));
  // FULL: what was acknowledged is on disk.
  ACLOUD_CHECK(control("PRAGMA journal_mode=WAL"));
  ACLOUD_CHECK(control("PRAGMA synchronous=FULL"));
  ACLOUD_CHECK(control("PRAGMA foreign_keys=ON"));
  ACLOUD_CHECK(control("PRAGMA cache_size=-4000"));
  ACLOUD_CHECK(control("PRAGMA temp_store=FILE"));
  ACLOUD_CHECK(control("PRAGMA journal_size_limit=4194304"));
  ACLOUD_CHECK(control(fmt::format("PRAGMA max_page_count={}", kDatabaseBytesMost / kPageSize).c_str()));
  ACLOUD_CHECK(control("PRAGMA cell_size_check=ON"));
  for (const Limit& limit : kLimits) sqlite3_limit(raw, limit.what, limit.most);
  authorizer_.set_strict(true);
  return {};
}

int Session::on_progress(void* self) {
  return std::chrono::steady_clock::now() >= static_cast<Session*>(self)->until_ ? 1 : 0;
}

std::unexpected<Error> Session::failed(int result) {
  if ((result & 0xff) == SQLITE_AUTH && !authorizer_.refused().empty()) {
    return fail(ErrorCode::invalid_argument, "{} is not possible here: SQL reaches its own database alone",
                authorizer_.refused());
  }
  const char* message = raw_ ? sqlite3_errmsg(raw_.get()) : sqlite3_errstr(result);
  Error error(code_of(result), to_valid_utf8(message) + std::string(advice_for(result)));
  const int offset = raw_ ? sqlite3_error_offset(raw_.get()) : -1;
  if (offset >= 0) return std::unexpected(std::move(error).with_detail("offset", offset));
  return std::unexpected(std::move(error));
}

// A statement of the session's own, which no limit of a query stops.
Result<> Session::control(const char* sql) {
  authorizer_.set_strict(false);
  const Instant until = std::exchange(until_, Instant::max());
  const int result = sqlite3_exec(raw_.get(), sql, nullptr, nullptr, nullptr);
  until_ = until;
  authorizer_.set_strict(true);
  return result == SQLITE_OK ? Result<>() : failed(result);
}

// The next statement of `rest`, which is left behind it; null at the end.
Result<Session::Statement> Session::prepare(std::string_view& rest) {
  while (!rest.empty()) {
    sqlite3_stmt* raw = nullptr;
    const char* tail = rest.data();
    (void)authorizer_.take_transaction();
    const int result =
        sqlite3_prepare_v3(raw_.get(), rest.data(), static_cast<int>(rest.size()), 0, &raw, &tail);
    Statement statement(raw);
    if (result != SQLITE_OK) return failed(result);
    const auto read = static_cast<std::size_t>(tail - rest.data());
    rest.remove_prefix(read);
    if (statement) return statement;
    if (read == 0) break;
  }
  return Statement();
}

Result<QueryReply> Session::run(const WorkerQuery& query) {
  until_ = std::chrono::steady_clock::now() + query.time;
  sqlite3_busy_timeout(raw_.get(), static_cast<int>(query.time.count()));
  authorizer_.begin();
  Calls calls(raw_.get(), authorizer_, query);
  Output output;
  output.limit = query.limit;
  ACLOUD_TRY(std::optional<Calls::Done> earlier, calls.find());
  const std::size_t from = earlier ? earlier->sql : 0;
  if (earlier) output.go_on_from(std::move(earlier->reply));
  if (earlier && from == query.sql.size()) return std::move(output.reply);
  Result<> ran = run_all(query, calls, from, output);
  until_ = Instant::max();
  if (sqlite3_get_autocommit(raw_.get()) == 0) {
    if (auto undone = control("ROLLBACK"); !undone) return std::unexpected(std::move(undone).error());
    if (ran) {
      ran = fail(ErrorCode::invalid_argument,
                 "the SQL begins a transaction and does not end it: it was undone; end with COMMIT");
    }
  }
  if (!ran) {
    // Perhaps since a killed server's worker was still at the same call, and has done it now.
    if (auto done = calls.find(); done && *done && (*done)->sql == query.sql.size())
      return std::move((*done)->reply);
    return std::unexpected(std::move(ran).error());
  }
  if (output.reply.rows.empty() && output.reply.truncated && !output.wrote) {
    return fail(ErrorCode::too_large, "a row has {} bytes, the most that a reply has room for is {}",
                output.largest, kQueryBytesMost);
  }
  if (output.wrote) output.reply.rows_affected = output.affected;
  return std::move(output.reply);
}

// From `from` on: what is before was done by an earlier run of the call.
Result<> Session::run_all(const WorkerQuery& query, Calls& calls, std::size_t from, Output& output) {
  const std::size_t size = query.sql.size();
  std::string_view rest = std::string_view(query.sql).substr(std::min(from, size));
  ACLOUD_TRY(Statement statement, prepare(rest));
  if (!statement && from > 0) return {};
  if (!statement) return fail(ErrorCode::invalid_argument, "sql: there is no statement in it");
  const bool their_own = authorizer_.take_transaction() || from > 0;
  std::string_view ahead = rest;
  const auto next = prepare(ahead);  // it may well fail now: what it needs may not have been made yet
  const bool script = from > 0 || !next || *next != nullptr;
  if (!script) {
    ACLOUD_CHECK(bind(statement.get(), query.params));
    return their_own ? run_one(statement.get(), output) : run_kept(statement.get(), calls, size, output);
  }
  if (!query.params.empty())
    return fail(ErrorCode::invalid_argument, "params: values go with a single statement");
  if (!their_own) ACLOUD_CHECK(control("BEGIN IMMEDIATE"));
  bool begins = from == 0, commits = false;
  while (statement) {
    const std::size_t upto = size - rest.size();
    if (commits && calls.named() && output.wrote) ACLOUD_CHECK(calls.keep(output.done(upto)));
    const bool alone = !begins && !commits && sqlite3_get_autocommit(raw_.get()) != 0;
    ACLOUD_CHECK(alone ? run_kept(statement.get(), calls, upto, output) : run_one(statement.get(), output));
    ACLOUD_TRY(statement, prepare(rest));
    commits = authorizer_.commits();
    begins = authorizer_.take_transaction() && !commits;
  }
  if (their_own) return {};
  if (calls.named() && output.wrote) ACLOUD_CHECK(calls.keep(output.done(size)));
  return control("COMMIT");
}

Result<> Session::run_kept(sqlite3_stmt* statement, Calls& calls, std::size_t upto, Output& output) {
  if (!calls.named() || sqlite3_stmt_readonly(statement) != 0) return run_one(statement, output);
  ACLOUD_CHECK(control("BEGIN IMMEDIATE"));
  ACLOUD_CHECK(run_one(statement, output));
  ACLOUD_CHECK(calls.keep(output.done(upto)));
  return control("COMMIT");
}

Result<> Session::run_one(sqlite3_stmt* statement, Output& output) {
  const bool reads = sqlite3_stmt_readonly(statement) != 0;
  const auto before = sqlite3_total_changes64(raw_.get());
  if (sqlite3_column_count(statement) > 0) output.begin(statement);
  int result = sqlite3_step(statement);
  // A statement that writes is run to its end, however many rows it gives.
  while (result == SQLITE_ROW && (output.add_row(statement) || !reads)) result = sqlite3_step(statement);
  if (result != SQLITE_DONE && result != SQLITE_ROW) {
    const int failure = sqlite3_reset(statement);
    return failed(failure == SQLITE_OK ? result : failure);
  }
  if (result == SQLITE_ROW) sqlite3_reset(statement);
  if (reads) return {};
  output.wrote = true;
  if (sqlite3_total_changes64(raw_.get()) != before) output.affected += sqlite3_changes64(raw_.get());
  return {};
}

// SQLite numbers $2 by where it comes first; here it is the second value. ? and ?2 count as ever.
Result<> Session::bind(sqlite3_stmt* statement, const std::vector<Json>& params) {
  const int count = sqlite3_bind_parameter_count(statement);
  std::size_t used = 0;
  for (int i = 1; i <= count; ++i) {
    const char* name = sqlite3_bind_parameter_name(statement, i);
    const auto place = place_of(name, static_cast<std::size_t>(i));
    if (!place) {
      return fail(ErrorCode::invalid_argument, "sql: placeholder {}: they are $1, $2 and so on, or ?",
                  to_valid_utf8(name));
    }
    used = std::max(used, *place);
    if (*place > params.size()) {
      return fail(ErrorCode::invalid_argument, "params: the SQL has placeholder {}, but there are {} values",
                  *place, params.size());
    }
    ACLOUD_CHECK(bind_value(statement, i, params[*place - 1]));
  }
  if (used == params.size()) return {};
  return fail(ErrorCode::invalid_argument, "params: {} values for {} placeholders", params.size(), used);
}

}  // namespace acloud::storage::sqlite
