#include "storage/database/postgres/postgres_engine.h"

#include "base/encoding.h"
#include "storage/database/postgres/once.h"

namespace acloud::storage::postgres {
namespace {

constexpr std::chrono::seconds kOwnWork{30};  // to make or drop a database
constexpr int kDropsMore = 2;                 // each sees what was made since the one before

Instant soon() { return std::chrono::steady_clock::now() + kOwnWork; }

// The url without its password, since that may change.
std::string prefix_for(const std::string& url) {
  std::string identity;
  const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> parsed(
      PQconninfoParse(url.c_str(), nullptr), &PQconninfoFree);
  for (const PQconninfoOption* option = parsed.get(); option != nullptr && option->keyword != nullptr;
       ++option) {
    const std::string_view keyword = option->keyword;
    if (option->val != nullptr && (keyword == "dbname" || keyword == "options"))
      identity += fmt::format("{}={}\n", keyword, option->val);
  }
  return fmt::format("acloud_{}_", to_hex(sha256(identity)).substr(0, 10));
}

Result<> drop_with(Connection& connection, const std::string& name) {
  ACLOUD_CHECK(connection.run(fmt::format("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)));
  ACLOUD_CHECK(connection.run(fmt::format("DROP ROLE IF EXISTS {}", name)));
  return {};
}

}  // namespace

PostgresEngine::PostgresEngine(PostgresOptions options)
    : options_(std::move(options)),
      prefix_(prefix_for(options_.url)),
      turns_(options_.per_workspace),
      threads_("acloud-sql", options_.threads) {}

std::string_view PostgresEngine::columns_sql() const {
  return "SELECT table_name, column_name, data_type FROM information_schema.columns "
         "WHERE table_schema = 'public' ORDER BY table_name, ordinal_position";
}

Task<Result<>> PostgresEngine::make(DatabaseKey database) {
  co_return co_await async::run_blocking(threads_, [this, &database] { return make_blocking(database); });
}

// Ids and passwords are hex digits of our own, so nothing needs quoting.
Result<> PostgresEngine::make_blocking(const DatabaseKey& database) {
  const std::string name = name_of(database.id);
  ACLOUD_TRY(auto connection, Connection::open(options_.url, std::nullopt, soon()));
  // What an earlier run of the same call has made of it has no row, and another password. PostgreSQL may
  // still be at that, for a server that is gone: then it is there a moment later, and can be dropped.
  Result<> dropped = drop_with(*connection, name);
  for (int more = 0; !dropped && more < kDropsMore; ++more) dropped = drop_with(*connection, name);
  if (!dropped) {
    return fail(ErrorCode::unavailable, "PostgreSQL is still at what a server that is gone had begun: {}",
                dropped.error().message());
  }
  const std::array steps = {
      fmt::format(
          "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION CONNECTION LIMIT {} "
          "PASSWORD '{}'",
          name, 2 * options_.threads, database.password),
      fmt::format("GRANT {} TO CURRENT_USER", name),
      fmt::format("CREATE DATABASE {0} OWNER {0} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'", name),
      fmt::format("REVOKE ALL ON DATABASE {} FROM PUBLIC", name)};
  for (const std::string& step : steps) {
    if (auto done = connection->run(step); !done) {
      return fail(
          ErrorCode::unavailable,
          "PostgreSQL would not make the database: {}; the store's user needs CREATEDB and CREATEROLE",
          done.error().message());
    }
  }
  return {};
}

Task<Result<QueryReply>> PostgresEngine::run(SqlQuery query) {
  ACLOUD_CO_TRY(const Turns::Held turn, co_await turns_.acquire(query.database.workspace, query.by));
  const async::StopEvent stop(co_await async::this_stop_token());
  co_return co_await async::run_blocking(threads_,
                                         [this, &query, &stop] { return run_blocking(query, stop); });
}

Result<QueryReply> PostgresEngine::run_blocking(const SqlQuery& query, const async::StopEvent& stop) {
  const Instant until = std::min(query.by.when(), std::chrono::steady_clock::now() + kQueryTimeMost);
  const std::string name = name_of(query.database.id);
  ACLOUD_TRY(auto connection,
             Connection::open(options_.url, Login{name, name, query.database.password}, until));
  const async::BlockingWait wait(until, stop);
  if (!query.once.empty()) return run_once(*connection, query, wait);
  return connection->run(query.sql, query.params, query.limit, wait);
}

Task<Result<std::vector<std::string>>> PostgresEngine::ids() {
  co_return co_await async::run_blocking(threads_, [this] { return ids_blocking(); });
}

Result<std::vector<std::string>> PostgresEngine::ids_blocking() {
  ACLOUD_TRY(auto connection, Connection::open(options_.url, std::nullopt, soon()));
  ACLOUD_TRY(const QueryReply found,
             connection->run("SELECT datname::text FROM pg_database WHERE datname::text LIKE $1",
                             {Json(prefix_ + "%")}, kQueryRowsMost, async::BlockingWait(soon())));
  std::vector<std::string> ids;
  ids.reserve(found.rows.size());
  for (const std::vector<Json>& row : found.rows)
    ids.push_back(row.front().get<std::string>().substr(prefix_.size()));
  return ids;
}

Task<Result<>> PostgresEngine::drop(std::string id) {
  co_return co_await async::run_blocking(threads_, [this, &id] { return drop_blocking(id); });
}

Result<> PostgresEngine::drop_blocking(const std::string& id) {
  ACLOUD_TRY(auto connection, Connection::open(options_.url, std::nullopt, soon()));
  return drop_with(*connection, name_of(id));
}

}  // namespace acloud::storage::postgres
