// The half of ledger_tables.h that is for servers which share a database.
#include "ledger/ledger_tables.h"

namespace acloud::ledger::tables {
namespace {

using store::Params;
using store::Rows;

constexpr std::chrono::minutes kInstancesKept{60};

std::int64_t second_of(Time time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

Money sum_of(const store::Row& row) {
  return Money::from_columns(row.integer(0), 0) + Money::from_columns(0, row.integer(1)) * 1'000'000 +
         Money::from_columns(0, row.integer(2));
}

// The budgets that the payer's spending counts towards: a condition on the columns of `budgets`, whose
// parameters begin with $1.
constexpr std::string_view kMatching =
    "workspace = $1 AND ((kind = 'workspace' AND scope_id = $1) OR (kind = 'key' AND scope_id = $2) OR "
    "(kind = 'principal' AND scope_id = $3) OR (kind = 'task' AND scope_id = $4) OR "
    "(kind = 'model' AND scope_id = $5))";

Params matching_params(const Payer& payer) {
  // No budget is of the task "-": it stands for no task.
  return {std::string(payer.workspace), std::string(payer.key), std::string(payer.principal),
          payer.task.empty() ? std::string("-") : std::string(payer.task), std::string(payer.model)};
}

Result<std::vector<Budget>> matching(store::Reader& reader, const Payer& payer) {
  ACLOUD_TRY(
      const Rows rows,
      reader.query(fmt::format("SELECT id, kind, scope_id, limit_micro, limit_rest, period FROM budgets "
                               "WHERE {} ORDER BY id",
                               kMatching),
                   matching_params(payer)));
  std::vector<Budget> budgets;
  for (const store::Row& row : rows) {
    Budget budget{.id = row.text(0),
                  .scope = {.workspace = std::string(payer.workspace), .id = row.text(2)},
                  .limit = Money::from_columns(row.integer(3), row.integer(4))};
    for (const auto& [kind, name] : enum_names(ScopeKind{})) {
      if (name == row.text(1)) budget.scope.kind = kind;
    }
    for (const auto& [period, name] : enum_names(Period{})) {
      if (name == row.text(5)) budget.period = period;
    }
    budgets.push_back(std::move(budget));
  }
  return budgets;
}

// What was spent of a budget in the period that began at `from`: kept from the first hold on.
Result<Money> spent_in(store::Transaction& transaction, const Budget& budget, Time from) {
  ACLOUD_TRY(const Rows rows, transaction.query("SELECT micro, rest FROM budget_spent WHERE budget = $1 AND "
                                                "period = $2",
                                                {budget.id, store::to_value(from)}));
  if (!rows.empty()) return Money::from_columns(rows.front().integer(0), rows.front().integer(1));
  ACLOUD_TRY(const Money spent, spent_since(transaction, budget.scope, from));
  ACLOUD_CHECK(
      transaction.execute("INSERT INTO budget_spent (budget, period, micro, rest) VALUES ($1, $2, $3, $4)",
                          {budget.id, store::to_value(from), spent.micro(), spent.rest()}));
  return spent;
}

Result<Money> held_of(store::Reader& reader, const Budget& budget, Time from) {
  ACLOUD_TRY(const Rows rows, reader.query("SELECT CAST(COALESCE(SUM(micro), 0) AS BIGINT), "
                                           "CAST(COALESCE(SUM(rest / 1000000), 0) AS BIGINT), "
                                           "CAST(COALESCE(SUM(rest % 1000000), 0) AS BIGINT) "
                                           "FROM budget_holds WHERE budget = $1 AND period = $2",
                                           {budget.id, store::to_value(from)}));
  return sum_of(rows.front());
}

Result<RateWindow> window_of(store::Reader& reader, const std::string& counter, std::int64_t now) {
  ACLOUD_TRY(
      const Rows rows,
      reader.query("SELECT second, requests, tokens FROM rate_seconds WHERE counter = $1 AND second >= $2 "
                   "ORDER BY second",
                   {counter, now - 2 * RateWindow::kSeconds - 1}));
  RateWindow window;
  for (const store::Row& row : rows) window.add({row.integer(0), row.integer(1), row.integer(2)});
  return window;
}

}  // namespace

Result<> hold_budgets_in(store::Transaction& transaction, const Payer& payer, Money amount, Time at,
                         const std::string& name) {
  ACLOUD_TRY(const std::vector<Budget> budgets, matching(transaction, payer));
  for (const Budget& budget : budgets) {
    const Time from = period_start(budget.period, at);
    ACLOUD_TRY(const Money spent, spent_in(transaction, budget, from));
    ACLOUD_TRY(const Money held, held_of(transaction, budget, from));
    if (spent + held + amount > budget.limit) return over_budget(budget, spent + held, amount, at);
    ACLOUD_CHECK(transaction.execute(
        "INSERT INTO budget_holds (budget, period, request_id, micro, rest) VALUES ($1, $2, $3, $4, $5)",
        {budget.id, store::to_value(from), name, amount.micro(), amount.rest()}));
  }
  return {};
}

Result<> release_budgets_in(store::Transaction& transaction, const std::string& name) {
  ACLOUD_CHECK(transaction.execute("DELETE FROM budget_holds WHERE request_id = $1", {name}));
  return {};
}

Result<RateLimits::Counted> hold_in(store::Transaction& transaction, const SharedHold& hold) {
  RateLimits::Counted counted;
  const std::int64_t second = second_of(hold.at);
  for (const RateRule& rule : hold.rules) {
    ACLOUD_TRY(RateWindow window, window_of(transaction, rule.counter, second));
    // A server whose clock is behind counts in the second that another has reached.
    const std::int64_t now = std::max(second, window.last());
    ACLOUD_CHECK(window.check(rule.limit, hold.tokens, now, rule.name));
    ACLOUD_CHECK(transaction.execute(
        "INSERT INTO rate_seconds AS counted (counter, second, requests, tokens) VALUES ($1, $2, 1, $3) "
        "ON CONFLICT (counter, second) DO UPDATE SET requests = counted.requests + 1, "
        "tokens = counted.tokens + excluded.tokens",
        {rule.counter, now, hold.tokens}));
    window.add({now, 1, hold.tokens});
    counted.shares.push_back({rule.counter, now, hold.tokens});
    counted.standing = narrower(counted.standing, window.standing(rule.limit, now));
  }
  ACLOUD_CHECK(hold_budgets_in(transaction, hold.payer, hold.amount, hold.at, hold.call.request_id));
  ACLOUD_CHECK(transaction.execute("INSERT INTO held_calls (request_id, instance, call) VALUES ($1, $2, $3)",
                                   {hold.call.request_id, hold.instance, encode(hold.call)}));
  return counted;
}

Result<> spend_in(store::Transaction& transaction, const Payer& payer, Money cost, Time at) {
  if (cost.is_zero()) return {};
  Params params = matching_params(payer);
  params.emplace_back(cost.micro());
  params.emplace_back(cost.rest());
  for (const auto& [period, name] : enum_names(Period{}))
    params.push_back(store::to_value(period_start(period, at)));
  // Rows that are not there yet are made from the sums of usage, which have this use already.
  ACLOUD_CHECK(transaction.execute(
      fmt::format("UPDATE budget_spent SET micro = micro + $6 + (rest + $7) / 1000000000000, "
                  "rest = (rest + $7) % 1000000000000 WHERE "
                  "(period = $8 AND budget IN (SELECT id FROM budgets WHERE period = 'hour' AND {0})) OR "
                  "(period = $9 AND budget IN (SELECT id FROM budgets WHERE period = 'day' AND {0})) OR "
                  "(period = $10 AND budget IN (SELECT id FROM budgets WHERE period = 'month' AND {0})) OR "
                  "(period = $11 AND budget IN (SELECT id FROM budgets WHERE period = 'total' AND {0}))",
                  kMatching),
      params));
  return {};
}

Result<> release_in(store::Transaction& transaction, const std::string& request_id,
                    const std::vector<RateShare>& shares, std::int64_t tokens) {
  ACLOUD_CHECK(release_budgets_in(transaction, request_id));
  ACLOUD_CHECK(transaction.execute("DELETE FROM held_calls WHERE request_id = $1", {request_id}));
  for (const RateShare& share : shares) {
    ACLOUD_CHECK(
        transaction.execute("UPDATE rate_seconds SET tokens = tokens + $3 WHERE counter = $1 AND second = $2",
                            {share.counter, share.second, tokens - share.tokens}));
  }
  return {};
}

Result<Accounts::State> state_in(store::Reader& reader, const Budget& budget, Time now) {
  const Time from = period_start(budget.period, now);
  Accounts::State state;
  ACLOUD_TRY(state.spent, spent_since(reader, budget.scope, from));
  ACLOUD_TRY(state.held, held_of(reader, budget, from));
  return state;
}

Result<> beat(store::Transaction& transaction, const std::string& instance, Time now) {
  ACLOUD_CHECK(
      transaction.execute("INSERT INTO ledger_instances (instance, seen) VALUES ($1, $2) "
                          "ON CONFLICT (instance) DO UPDATE SET seen = excluded.seen",
                          {instance, store::to_value(now)}));
  return {};
}

Result<std::vector<StoredCall>> abandoned(store::Reader& reader, Time before) {
  ACLOUD_TRY(
      const Rows rows,
      reader.query("SELECT call FROM held_calls WHERE instance NOT IN "
                   "(SELECT instance FROM ledger_instances WHERE seen >= $1) ORDER BY request_id LIMIT 256",
                   {store::to_value(before)}));
  std::vector<StoredCall> calls;
  for (const store::Row& row : rows) {
    ACLOUD_TRY(const Json json, parse_json(row.text(0)));
    ACLOUD_TRY(StoredCall call, decode<StoredCall>(json));
    calls.push_back(std::move(call));
  }
  return calls;
}

Result<> sweep(store::Transaction& transaction, Time now) {
  ACLOUD_CHECK(transaction.execute("DELETE FROM rate_seconds WHERE second < $1",
                                   {second_of(now) - 4 * RateWindow::kSeconds}));
  ACLOUD_CHECK(transaction.execute(
      "DELETE FROM ledger_instances WHERE seen < $1 AND instance NOT IN (SELECT instance FROM held_calls)",
      {store::to_value(now - kInstancesKept)}));
  return {};
}

}  // namespace acloud::ledger::tables
