#include "store/sqlite/error.h"

#include <nlohmann/json.hpp>

namespace acloud::store::sqlite {
namespace {

// "UNIQUE constraint failed: t.a, t.b" says which after the colon; a foreign key has no name.
std::unexpected<Error> fail_constraint(ErrorCode code, std::string_view message) {
  Error error(code, std::string(message));
  const auto colon = message.find(": ");
  if (colon == std::string_view::npos) return std::unexpected(std::move(error));
  return std::unexpected(std::move(error).with_detail("constraint", std::string(message.substr(colon + 2))));
}

ErrorCode code_of(int result) {
  switch (result & 0xff) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_CANTOPEN:
    case SQLITE_PROTOCOL:
    case SQLITE_INTERRUPT:
      return ErrorCode::unavailable;
    case SQLITE_TOOBIG:
      return ErrorCode::too_large;
    default:
      return ErrorCode::internal;
  }
}

}  // namespace

std::unexpected<Error> fail_sqlite(sqlite3* database, std::string_view what) {
  if (database == nullptr) return fail(ErrorCode::unavailable, "{}: out of memory", what);
  const std::string_view message = sqlite3_errmsg(database);
  switch (const int result = sqlite3_extended_errcode(database)) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
      return fail_constraint(ErrorCode::conflict, message);
    case SQLITE_CONSTRAINT_FOREIGNKEY:
      return fail_constraint(ErrorCode::precondition_failed, message);
    default:
      return fail(code_of(result), "{}: {} (SQLite {})", what, message, result);
  }
}

}  // namespace acloud::store::sqlite
