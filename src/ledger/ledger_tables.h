// Budgets, rate limits and prices as tables; and, for servers that share a database, what they hold and
// count.
//
// On a database that servers share a hold is a transaction: it reads what was spent and what is held, and
// adds its own. The store makes such transactions behave as if they ran one after the other, so that no two
// servers spend the same money.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ledger/accounts.h"
#include "ledger/open_calls.h"
#include "ledger/rates.h"
#include "store/database.h"

namespace acloud::ledger::tables {

std::vector<store::Migration> migrations();

// --- What there is. ---
Result<std::vector<Budget>> budgets(store::Reader& reader);
// That of this scope and period, if there is one.
Result<std::optional<Budget>> budget_of(store::Reader& reader, const Scope& scope, Period period);
// Sets the budget, or the one of the same scope and period; as it is now.
// Errors: permission_denied where an operator set it and `budget` is not by one.
Result<Budget> set_budget(store::Transaction& transaction, const Budget& budget);
Result<> delete_budget(store::Transaction& transaction, const std::string& id);
Result<std::vector<SetRate>> rates(store::Reader& reader);
// As set_budget().
Result<SetRate> set_rate(store::Transaction& transaction, const SetRate& rate);
Result<> delete_rate(store::Transaction& transaction, const std::string& id);
Result<std::map<std::string, PriceSheet>> prices(store::Reader& reader);
// In place of all that were imported before.
Result<> replace_prices(store::Transaction& transaction, const std::map<std::string, PriceSheet>& sheets,
                        Time now);

// What was spent within the scope since `from`, by the sums of usage. REQUIRES: `from` begins an hour.
Result<Money> spent_since(store::Reader& reader, const Scope& scope, Time from);

// --- For servers that share a database. ---
struct SharedHold {
  std::vector<RateRule> rules;
  Payer payer;
  Money amount;
  std::int64_t tokens = 0;
  Time at{};
  std::string instance;
  const StoredCall& call;
};
// Counts the call towards its rate limits and holds `amount` of its budgets.
// Errors: budget_exceeded, rate_limited.
Result<RateLimits::Counted> hold_in(store::Transaction& transaction, const SharedHold& hold);
// Holds `amount` of the payer's budgets under that name, and nothing else. Errors: budget_exceeded.
Result<> hold_budgets_in(store::Transaction& transaction, const Payer& payer, Money amount, Time at,
                         const std::string& name);
Result<> release_budgets_in(store::Transaction& transaction, const std::string& name);
Result<> spend_in(store::Transaction& transaction, const Payer& payer, Money cost, Time at);
Result<> release_in(store::Transaction& transaction, const std::string& request_id,
                    const std::vector<RateShare>& shares, std::int64_t tokens);
// Where a budget stands.
Result<Accounts::State> state_in(store::Reader& reader, const Budget& budget, Time now);

// This run of a server lives at `now`.
Result<> beat(store::Transaction& transaction, const std::string& instance, Time now);
// Calls that are held by runs that gave no sign since `before`.
Result<std::vector<StoredCall>> abandoned(store::Reader& reader, Time before);
// Forgets counts and runs that are of no use any more.
Result<> sweep(store::Transaction& transaction, Time now);

}  // namespace acloud::ledger::tables
