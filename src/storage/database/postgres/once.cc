#include "storage/database/postgres/once.h"

#include <algorithm>
#include <array>

namespace acloud::storage::postgres {
namespace {

constexpr const char* kMake =
    "CREATE SCHEMA IF NOT EXISTS _acloud;"
    "CREATE TABLE IF NOT EXISTS _acloud.calls (once text PRIMARY KEY, at timestamptz NOT NULL, reply text);"
    "CREATE INDEX IF NOT EXISTS calls_at ON _acloud.calls (at)";
constexpr const char* kLook = "SELECT reply FROM _acloud.calls WHERE once = $1";
constexpr const char* kMark = "INSERT INTO _acloud.calls (once, at) VALUES ($1, pg_catalog.now())";
constexpr const char* kKeep = "INSERT INTO _acloud.calls (once, at, reply) VALUES ($1, pg_catalog.now(), $2)";
constexpr const char* kFill = "UPDATE _acloud.calls SET reply = $2 WHERE once = $1";
constexpr const char* kTrim = "DELETE FROM _acloud.calls WHERE at < pg_catalog.now() - interval '24 hours'";
constexpr const char* kWrote = "SELECT pg_catalog.pg_current_xact_id_if_assigned() IS NOT NULL";

// May it end the transaction that it is put into? A word that says so may stand in a text as well: that costs
// a write and nothing else.
bool may_commit(std::string_view sql) {
  constexpr std::array<std::string_view, 4> kEnding = {"commit", "end", "rollback", "abort"};
  std::string lower(sql);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return std::ranges::any_of(kEnding, [&](std::string_view word) { return lower.contains(word); });
}

class Once {
 public:
  Once(Connection& connection, const SqlQuery& query, const async::BlockingWait& wait)
      : connection_(connection), query_(query), wait_(wait) {}

  Result<QueryReply> run() {
    auto earlier = look();
    if (!earlier && !connection_.state().empty()) {
      // Others may be at it too.
      (void)ask(kMake);
      earlier = look();
    }
    ACLOUD_CHECK(earlier);
    if (*earlier) return **std::move(earlier);
    auto reply = attempt();
    if (reply || connection_.state().empty()) return reply;
    const std::string state = connection_.state();
    if (connection_.in_transaction()) ACLOUD_CHECK(ask("ROLLBACK"));
    const bool refuses_transactions = state == "25001" || state == "2D000";
    if (refuses_transactions) return connection_.run(query_.sql, query_.params, query_.limit, wait_);
    // Perhaps since somebody else has done the same call meanwhile.
    if (auto done = look(); done && *done) return **std::move(done);
    return reply;
  }

 private:
  Result<QueryReply> ask(const char* sql, const std::vector<Json>& params = {}) {
    return connection_.ask(sql, params, 1, wait_);
  }

  Result<std::optional<QueryReply>> look() {
    ACLOUD_TRY(const QueryReply found, ask(kLook, {query_.once}));
    if (found.rows.empty() && !found.truncated) return std::nullopt;
    const Json kept = found.truncated ? Json() : found.rows.front().front();
    if (!kept.is_string()) {
      return fail(ErrorCode::conflict,
                  "the SQL was done, at least up to its first COMMIT, but its reply is lost: look at the "
                  "database");
    }
    ACLOUD_TRY(const Json json, parse_json(kept.get_ref<const std::string&>()));
    return decode<QueryReply>(json);
  }

  Result<QueryReply> attempt() {
    const bool marked = may_commit(query_.sql);
    ACLOUD_CHECK(ask("BEGIN"));
    if (marked) ACLOUD_CHECK(ask(kMark, {query_.once}));
    ACLOUD_TRY(QueryReply reply, connection_.ask(query_.sql, query_.params, query_.limit, wait_));
    if (connection_.in_transaction() && connection_.began_twice()) {
      ACLOUD_CHECK(ask("ROLLBACK"));
      return std::unexpected(Connection::left_open());
    }
    bool kept = marked;
    if (marked) {
      ACLOUD_CHECK(ask(kFill, {query_.once, encode(reply)}));
    } else {
      ACLOUD_TRY(const QueryReply wrote, ask(kWrote));
      kept = wrote.rows.front().front() == true;
      if (kept) ACLOUD_CHECK(ask(kKeep, {query_.once, encode(reply)}));
    }
    if (kept) ACLOUD_CHECK(ask(kTrim));
    if (connection_.in_transaction()) ACLOUD_CHECK(ask("COMMIT"));
    return reply;
  }

  Connection& connection_;
  const SqlQuery& query_;
  const async::BlockingWait& wait_;
};

}  // namespace

Result<QueryReply> run_once(Connection& connection, const SqlQuery& query, const async::BlockingWait& wait) {
  return Once(connection, query, wait).run();
}

}  // namespace acloud::storage::postgres
