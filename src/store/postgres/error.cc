#include "store/postgres/error.h"

#include <chrono>
#include <nlohmann/json.hpp>

namespace acloud::store::postgres {
namespace {

std::string_view field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? std::string_view() : std::string_view(text);
}

ErrorCode code_of(std::string_view state) {
  if (state == "23505") return ErrorCode::conflict;             // unique_violation
  if (state == "23503") return ErrorCode::precondition_failed;  // foreign_key_violation
  if (state == "22021") return ErrorCode::invalid_argument;     // character_not_in_repertoire
  if (state == "08P01") return ErrorCode::internal;             // protocol_violation: wrong count of values
  if (state == "55P03") return ErrorCode::unavailable;          // lock_not_available
  const std::string_view group = state.substr(0, 2);
  if (group == "54") return ErrorCode::too_large;  // program_limit_exceeded
  // Connections, rollbacks, resources, an operator, the system below.
  for (const std::string_view passing : {"08", "40", "53", "57", "58"}) {
    if (group == passing) return ErrorCode::unavailable;
  }
  return ErrorCode::internal;
}

std::string trimmed(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with(' ')) text.remove_suffix(1);
  return std::string(text);
}

}  // namespace

Error error_of(const PGresult* result, std::string_view what) {
  const std::string_view state = field(result, PG_DIAG_SQLSTATE);
  const std::string_view message = field(result, PG_DIAG_MESSAGE_PRIMARY);
  const std::string_view constraint = field(result, PG_DIAG_CONSTRAINT_NAME);
  if (state.empty()) return Error(ErrorCode::unavailable, trimmed(PQresultErrorMessage(result)));
  Error error(code_of(state), fmt::format("{}: {} (PostgreSQL {})", what, message, state));
  if (constraint.empty()) return error;
  return std::move(error).with_detail("constraint", std::string(constraint));
}

bool is_race(const PGresult* result) {
  const std::string_view state = field(result, PG_DIAG_SQLSTATE);
  return state == "40001" || state == "40P01";
}

Error lost(const PGconn* connection, std::string_view what) {
  using namespace std::chrono_literals;
  return Error(ErrorCode::unavailable, fmt::format("{}: {}", what, trimmed(PQerrorMessage(connection))))
      .with_retry_after(1s);
}

}  // namespace acloud::store::postgres
