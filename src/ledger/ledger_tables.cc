#include "ledger/ledger_tables.h"

namespace acloud::ledger::tables {
namespace {

using store::Params;
using store::Rows;
using store::Value;

std::string name_of(ScopeKind kind) { return std::string(schema::Codec<ScopeKind>::name(kind)); }
std::string name_of(Period period) { return std::string(schema::Codec<Period>::name(period)); }

// Names that this binary wrote itself, or a newer one.
template <class E>
Result<E> named(const std::string& name) {
  for (const auto& [value, text] : enum_names(E{})) {
    if (text == name) return value;
  }
  return fail(ErrorCode::internal, "the database has an unknown \"{}\"", name);
}

Value optional(const std::optional<std::int64_t>& value) {
  return value ? Value(*value) : Value(std::monostate());
}

std::optional<std::int64_t> optional_at(const store::Row& row, std::size_t i) {
  return row.is_null(i) ? std::nullopt : std::optional(row.integer(i));
}

constexpr std::string_view kBudgetColumns =
    "id, workspace, kind, scope_id, limit_micro, limit_rest, period, by_operator, created";

Result<Budget> to_budget(const store::Row& row) {
  Budget budget{.id = row.text(0), .scope = {.workspace = row.text(1), .id = row.text(3)}};
  ACLOUD_TRY(budget.scope.kind, named<ScopeKind>(row.text(2)));
  budget.limit = Money::from_columns(row.integer(4), row.integer(5));
  ACLOUD_TRY(budget.period, named<Period>(row.text(6)));
  budget.by_operator = row.integer(7) != 0;
  budget.created = row.time(8);
  return budget;
}

constexpr std::string_view kRateColumns =
    "id, workspace, kind, scope_id, model, rpm, tpm, growth_percent, by_operator";

Result<SetRate> to_rate(const store::Row& row) {
  SetRate rate{
      .id = row.text(0), .scope = {.workspace = row.text(1), .id = row.text(3)}, .model = row.text(4)};
  ACLOUD_TRY(rate.scope.kind, named<ScopeKind>(row.text(2)));
  rate.limit = {optional_at(row, 5), optional_at(row, 6), optional_at(row, 7)};
  rate.by_operator = row.integer(8) != 0;
  return rate;
}

std::unexpected<Error> operators_own(std::string_view what, const Scope& scope) {
  return fail(ErrorCode::permission_denied,
              "the {} of {} was set by the cloud's operator, who alone may change it", what, text_of(scope));
}

}  // namespace

std::vector<store::Migration> migrations() {
  return {
      {"ledger-1",
       "CREATE TABLE budgets ("
       "  id TEXT PRIMARY KEY,"
       "  workspace TEXT NOT NULL,"
       "  kind TEXT NOT NULL,"
       "  scope_id TEXT NOT NULL,"
       "  limit_micro BIGINT NOT NULL,"
       "  limit_rest BIGINT NOT NULL,"
       "  period TEXT NOT NULL,"
       "  by_operator BIGINT NOT NULL,"
       "  created BIGINT NOT NULL,"
       "  UNIQUE (workspace, kind, scope_id, period));"
       "CREATE TABLE budget_spent ("
       "  budget TEXT NOT NULL,"
       "  period BIGINT NOT NULL,"
       "  micro BIGINT NOT NULL,"
       "  rest BIGINT NOT NULL,"
       "  PRIMARY KEY (budget, period));"
       "CREATE TABLE budget_holds ("
       "  budget TEXT NOT NULL,"
       "  period BIGINT NOT NULL,"
       "  request_id TEXT NOT NULL,"
       "  micro BIGINT NOT NULL,"
       "  rest BIGINT NOT NULL,"
       "  PRIMARY KEY (budget, period, request_id));"
       "CREATE INDEX budget_holds_request ON budget_holds (request_id);"
       "CREATE TABLE held_calls (request_id TEXT PRIMARY KEY, instance TEXT NOT NULL, call TEXT NOT NULL);"
       "CREATE INDEX held_calls_instance ON held_calls (instance);"
       "CREATE TABLE ledger_instances (instance TEXT PRIMARY KEY, seen BIGINT NOT NULL);"
       "CREATE TABLE rate_limits ("
       "  id TEXT PRIMARY KEY,"
       "  workspace TEXT NOT NULL,"
       "  kind TEXT NOT NULL,"
       "  scope_id TEXT NOT NULL,"
       "  model TEXT NOT NULL,"
       "  rpm BIGINT,"
       "  tpm BIGINT,"
       "  growth_percent BIGINT,"
       "  by_operator BIGINT NOT NULL,"
       "  UNIQUE (workspace, kind, scope_id, model));"
       "CREATE TABLE rate_seconds ("
       "  counter TEXT NOT NULL,"
       "  second BIGINT NOT NULL,"
       "  requests BIGINT NOT NULL,"
       "  tokens BIGINT NOT NULL,"
       "  PRIMARY KEY (counter, second));"
       "CREATE TABLE prices (model TEXT PRIMARY KEY, sheet TEXT NOT NULL, updated BIGINT NOT NULL);"}};
}

Result<std::vector<Budget>> budgets(store::Reader& reader) {
  ACLOUD_TRY(const Rows rows,
             reader.query(fmt::format("SELECT {} FROM budgets ORDER BY id", kBudgetColumns)));
  std::vector<Budget> budgets;
  for (const store::Row& row : rows) {
    ACLOUD_TRY(Budget budget, to_budget(row));
    budgets.push_back(std::move(budget));
  }
  return budgets;
}

Result<std::optional<Budget>> budget_of(store::Reader& reader, const Scope& scope, Period period) {
  ACLOUD_TRY(const Rows rows,
             reader.query(fmt::format("SELECT {} FROM budgets WHERE workspace = $1 AND kind = $2 AND "
                                      "scope_id = $3 AND period = $4",
                                      kBudgetColumns),
                          {scope.workspace, name_of(scope.kind), scope.id, name_of(period)}));
  if (rows.empty()) return std::nullopt;
  ACLOUD_TRY(Budget budget, to_budget(rows.front()));
  return budget;
}

Result<Budget> set_budget(store::Transaction& transaction, const Budget& budget) {
  const Scope& scope = budget.scope;
  const Params key{scope.workspace, name_of(scope.kind), scope.id, name_of(budget.period)};
  ACLOUD_TRY(const Rows rows,
             transaction.query("SELECT id, by_operator, created FROM budgets WHERE workspace = $1 "
                               "AND kind = $2 AND scope_id = $3 AND period = $4",
                               key));
  Budget now = budget;
  if (!rows.empty()) {
    if (rows.front().integer(1) != 0 && !budget.by_operator) return operators_own("budget", scope);
    now.id = rows.front().text(0);
    now.created = rows.front().time(2);
  }
  ACLOUD_CHECK(transaction.execute(
      "INSERT INTO budgets (id, workspace, kind, scope_id, limit_micro, limit_rest, period, by_operator, "
      "created) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO UPDATE SET "
      "limit_micro = excluded.limit_micro, limit_rest = excluded.limit_rest, by_operator = "
      "excluded.by_operator",
      {now.id, scope.workspace, name_of(scope.kind), scope.id, now.limit.micro(), now.limit.rest(),
       name_of(now.period), std::int64_t{now.by_operator}, store::to_value(now.created)}));
  return now;
}

Result<> delete_budget(store::Transaction& transaction, const std::string& id) {
  for (const std::string_view table : {"budget_holds", "budget_spent"})
    ACLOUD_CHECK(transaction.execute(fmt::format("DELETE FROM {} WHERE budget = $1", table), {id}));
  ACLOUD_CHECK(transaction.execute("DELETE FROM budgets WHERE id = $1", {id}));
  return {};
}

Result<std::vector<SetRate>> rates(store::Reader& reader) {
  ACLOUD_TRY(const Rows rows,
             reader.query(fmt::format("SELECT {} FROM rate_limits ORDER BY id", kRateColumns)));
  std::vector<SetRate> rates;
  for (const store::Row& row : rows) {
    ACLOUD_TRY(SetRate rate, to_rate(row));
    rates.push_back(std::move(rate));
  }
  return rates;
}

Result<SetRate> set_rate(store::Transaction& transaction, const SetRate& rate) {
  const Scope& scope = rate.scope;
  ACLOUD_TRY(const Rows rows,
             transaction.query("SELECT id, by_operator FROM rate_limits WHERE workspace = $1 AND "
                               "kind = $2 AND scope_id = $3 AND model = $4",
                               {scope.workspace, name_of(scope.kind), scope.id, rate.model}));
  SetRate now = rate;
  if (!rows.empty()) {
    if (rows.front().integer(1) != 0 && !rate.by_operator) return operators_own("rate limit", scope);
    now.id = rows.front().text(0);
  }
  ACLOUD_CHECK(transaction.execute(
      "INSERT INTO rate_limits (id, workspace, kind, scope_id, model, rpm, tpm, growth_percent, by_operator) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO UPDATE SET rpm = excluded.rpm, "
      "tpm = excluded.tpm, growth_percent = excluded.growth_percent, by_operator = excluded.by_operator",
      {now.id, scope.workspace, name_of(scope.kind), scope.id, rate.model, optional(rate.limit.rpm),
       optional(rate.limit.tpm), optional(rate.limit.growth_percent), std::int64_t{rate.by_operator}}));
  return now;
}

Result<> delete_rate(store::Transaction& transaction, const std::string& id) {
  ACLOUD_CHECK(transaction.execute("DELETE FROM rate_limits WHERE id = $1", {id}));
  return {};
}

Result<std::map<std::string, PriceSheet>> prices(store::Reader& reader) {
  ACLOUD_TRY(const Rows rows, reader.query("SELECT model, sheet FROM prices"));
  std::map<std::string, PriceSheet> sheets;
  for (const store::Row& row : rows) {
    ACLOUD_TRY(const Json json, parse_json(row.text(1)));
    ACLOUD_TRY(sheets[row.text(0)], decode<PriceSheet>(json));
  }
  return sheets;
}

Result<> replace_prices(store::Transaction& transaction, const std::map<std::string, PriceSheet>& sheets,
                        Time now) {
  ACLOUD_CHECK(transaction.execute("DELETE FROM prices"));
  for (const auto& [model, sheet] : sheets) {
    ACLOUD_CHECK(transaction.execute("INSERT INTO prices (model, sheet, updated) VALUES ($1, $2, $3)",
                                     {model, encode(sheet), store::to_value(now)}));
  }
  return {};
}

Result<Money> spent_since(store::Reader& reader, const Scope& scope, Time from) {
  // Three sums, so that none can overflow: the second half of the rest goes beyond a billion rows.
  constexpr std::string_view kSums =
      "SELECT CAST(COALESCE(SUM(cost_micro), 0) AS BIGINT), "
      "CAST(COALESCE(SUM(cost_rest / 1000000), 0) AS BIGINT), "
      "CAST(COALESCE(SUM(cost_rest % 1000000), 0) AS BIGINT) "
      "FROM usage_totals WHERE workspace = $1 AND hour >= $2";
  Params params{scope.workspace, store::to_value(from)};
  std::string_view column;
  switch (scope.kind) {
    case ScopeKind::workspace:
      break;
    case ScopeKind::key:
      column = "key_id";
      break;
    case ScopeKind::principal:
    case ScopeKind::task:  // a task is a principal of its own
      column = "principal";
      break;
    case ScopeKind::model:
      column = "model";
      break;
  }
  std::string sql(kSums);
  if (!column.empty()) {
    sql += fmt::format(" AND {} = $3", column);
    params.emplace_back(scope.id);
  }
  ACLOUD_TRY(const Rows rows, reader.query(sql, params));
  const store::Row& sums = rows.front();
  return Money::from_columns(sums.integer(0), 0) + Money::from_columns(0, sums.integer(1)) * 1'000'000 +
         Money::from_columns(0, sums.integer(2));
}

}  // namespace acloud::ledger::tables
