#include "storage/database/sqlite/calls.h"

namespace acloud::storage::sqlite {
namespace {

constexpr std::chrono::hours kRemembered{24};
constexpr std::string_view kMake =
    "CREATE TABLE IF NOT EXISTS main._acloud_calls (n INTEGER PRIMARY KEY, once TEXT NOT NULL UNIQUE, "
    "doer INTEGER NOT NULL, at INTEGER NOT NULL, done INTEGER NOT NULL, reply TEXT NOT NULL)";
constexpr std::string_view kFind = "SELECT doer, done, reply FROM main._acloud_calls WHERE once = ?1";
// A row of another run, which find() did not see, stands in the way.
constexpr std::string_view kKeep =
    "INSERT INTO main._acloud_calls (once, doer, at, done, reply) VALUES (?1, ?2, ?3, ?4, ?5) "
    "ON CONFLICT (once) DO UPDATE SET doer = ?2, done = ?4, reply = ?5 WHERE doer IN (?2, ?6)";
// A few at a time, so that no call pays for many.
constexpr std::string_view kTrim =
    "DELETE FROM main._acloud_calls WHERE n IN (SELECT n FROM main._acloud_calls ORDER BY n LIMIT 16) "
    "AND (at < ?1 OR n <= ?2)";

std::int64_t seconds(Time time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

void bind_text(sqlite3_stmt* statement, int place, std::string_view text) {
  sqlite3_bind_text64(statement, place, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

}  // namespace

Calls::Calls(sqlite3* raw, Authorizer& authorizer, const WorkerQuery& query)
    : raw_(raw), authorizer_(authorizer), query_(query) {
  sqlite3_randomness(sizeof doer_, &doer_);
}

std::unexpected<Error> Calls::failed() {
  return fail(sqlite3_errcode(raw_) == SQLITE_FULL ? ErrorCode::too_large : ErrorCode::unavailable,
              "the call could not be remembered: {}", to_valid_utf8(sqlite3_errmsg(raw_)));
}

Result<Calls::Statement> Calls::prepare(std::string_view sql) {
  sqlite3_stmt* made = nullptr;
  const Authorizer::Own own(authorizer_);
  const int result = sqlite3_prepare_v2(raw_, sql.data(), static_cast<int>(sql.size()), &made, nullptr);
  Statement statement(made);
  if (result != SQLITE_OK) return failed();
  return statement;
}

Result<> Calls::step(sqlite3_stmt* statement) {
  const Authorizer::Own own(authorizer_);  // a schema that changed has it prepared again
  return sqlite3_step(statement) == SQLITE_DONE ? Result<>() : failed();
}

Result<std::optional<Calls::Done>> Calls::find() {
  if (!named()) return std::nullopt;
  const auto statement = prepare(kFind);
  if (!statement) return std::nullopt;  // the file has no such table yet
  bind_text(statement->get(), 1, query_.once);
  const Authorizer::Own own(authorizer_);
  const int result = sqlite3_step(statement->get());
  if (result == SQLITE_DONE) return std::nullopt;
  if (result != SQLITE_ROW) return failed();
  found_ = sqlite3_column_int64(statement->get(), 0);
  Done done{.sql = static_cast<std::size_t>(sqlite3_column_int64(statement->get(), 1)), .reply = {}};
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement->get(), 2));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement->get(), 2));
  ACLOUD_TRY(const Json json, parse_json(std::string_view(text, size)));
  ACLOUD_TRY(done.reply, decode<QueryReply>(json));
  return done;
}

Result<> Calls::keep(const Done& done) {
  const std::string reply = encode(done.reply);
  // Of the user's own SQL, as far as it can see.
  const sqlite3_int64 last = sqlite3_last_insert_rowid(raw_);
  ACLOUD_TRY(const Statement make, prepare(kMake));
  ACLOUD_CHECK(step(make.get()));
  ACLOUD_TRY(const Statement kept, prepare(kKeep));
  bind_text(kept.get(), 1, query_.once);
  sqlite3_bind_int64(kept.get(), 2, doer_);
  sqlite3_bind_int64(kept.get(), 3, seconds(query_.at));
  sqlite3_bind_int64(kept.get(), 4, static_cast<sqlite3_int64>(done.sql));
  bind_text(kept.get(), 5, reply);
  sqlite3_bind_int64(kept.get(), 6, found_);
  ACLOUD_CHECK(step(kept.get()));
  if (sqlite3_changes64(raw_) == 0)
    return fail(ErrorCode::unavailable, "the same call is being done by another process; ask again");
  ACLOUD_TRY(const Statement trim, prepare(kTrim));
  sqlite3_bind_int64(trim.get(), 1, seconds(query_.at - kRemembered));
  sqlite3_bind_int64(trim.get(), 2, sqlite3_last_insert_rowid(raw_) - kKept);
  ACLOUD_CHECK(step(trim.get()));
  sqlite3_set_last_insert_rowid(raw_, last);
  return {};
}

}  // namespace acloud::storage::sqlite
