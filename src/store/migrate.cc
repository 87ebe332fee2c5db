#include "store/migrate.h"

#include <set>

namespace acloud::store {
namespace {

Result<> check_names(const std::vector<Migration>& migrations) {
  std::set<std::string_view> names;
  for (const Migration& step : migrations) {
    if (step.name.empty() || !names.insert(step.name).second) {
      return fail(ErrorCode::invalid_argument, "migration name '{}' is empty or used twice", step.name);
    }
  }
  return {};
}

Result<std::set<std::string>> applied(Connection& connection) {
  ACLOUD_CHECK(connection.run_script(
      "CREATE TABLE IF NOT EXISTS acloud_migrations (name TEXT PRIMARY KEY, position BIGINT NOT NULL)"));
  ACLOUD_TRY(const Rows rows, connection.query("SELECT name FROM acloud_migrations"));
  std::set<std::string> names;
  for (const Row& row : rows) names.insert(row.text(0));
  return names;
}

Result<> refuse_newer(std::set<std::string> names, const std::vector<Migration>& migrations) {
  for (const Migration& step : migrations) names.erase(step.name);
  if (names.empty()) return {};
  return fail(
      ErrorCode::precondition_failed,
      "the store has the schema step '{}', which this acloud does not know: a newer one wrote it. Start "
      "that version, or restore a backup made before it",
      *names.begin());
}

Result<> run_missing(Connection& connection, const std::vector<Migration>& migrations) {
  ACLOUD_TRY(const auto names, applied(connection));
  ACLOUD_CHECK(refuse_newer(names, migrations));
  std::int64_t position = static_cast<std::int64_t>(names.size());
  for (const Migration& step : migrations) {
    if (names.contains(step.name)) continue;
    if (auto ran = connection.run_script(step.sql); !ran) {
      return std::unexpected(Error(ran.error()).within(fmt::format("migration '{}'", step.name)));
    }
    ACLOUD_CHECK(connection.execute("INSERT INTO acloud_migrations (name, position) VALUES ($1, $2)",
                                    {step.name, ++position}));
  }
  return connection.commit();
}

}  // namespace

Result<> migrate(Connection& connection, const std::vector<Migration>& migrations) {
  ACLOUD_CHECK(check_names(migrations));
  ACLOUD_CHECK(connection.begin(Connection::Mode::schema));
  Result<> result = run_missing(connection, migrations);
  if (!result) connection.rollback();
  return result;
}

}  // namespace acloud::store
