#include "ledger/accounts.h"

namespace acloud::ledger {

void Accounts::rebuild_index() {
  by_scope_.clear();
  for (const auto& [id, account] : accounts_) by_scope_[account.budget.scope].push_back(id);
  count_ = accounts_.size();
}

void Accounts::set_all(std::vector<Budget> budgets) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, Account> next;
  for (Budget& budget : budgets) {
    Account account{.budget = budget};
    const auto there = accounts_.find(budget.id);
    if (there != accounts_.end() && there->second.budget.scope == budget.scope &&
        there->second.budget.period == budget.period) {
      account = std::move(there->second);
      account.budget = budget;
    }
    next.emplace(budget.id, std::move(account));
  }
  accounts_.swap(next);
  rebuild_index();
}

void Accounts::set(Budget budget) {
  const std::lock_guard lock(mutex_);
  Account& account = accounts_[budget.id];
  account.budget = std::move(budget);
  rebuild_index();
}

bool Accounts::remove(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const bool removed = accounts_.erase(id) > 0;
  rebuild_index();
  return removed;
}

std::optional<Budget> Accounts::find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(id);
  return found == accounts_.end() ? std::nullopt : std::optional(found->second.budget);
}

std::vector<Accounts::Account*> Accounts::matching_accounts(const Payer& payer) const {
  std::vector<Account*> accounts;
  Scope scope{.workspace = std::string(payer.workspace)};
  for (const ScopeKind kind : kScopeKinds) {
    scope.kind = kind;
    scope.id = payer.at(kind);
    const auto found = by_scope_.find(scope);
    if (found == by_scope_.end()) continue;
    for (const std::string& id : found->second) accounts.push_back(&accounts_.find(id)->second);
  }
  return accounts;
}

std::vector<Budget> Accounts::matching(const Payer& payer) const {
  std::vector<Budget> budgets;
  if (empty()) return budgets;
  const std::lock_guard lock(mutex_);
  for (const Account* account : matching_accounts(payer)) budgets.push_back(account->budget);
  return budgets;
}

std::vector<Budget> Accounts::unknown(const Payer& payer) const {
  std::vector<Budget> budgets;
  if (empty()) return budgets;
  const std::lock_guard lock(mutex_);
  for (const Account* account : matching_accounts(payer)) {
    if (!account->known) budgets.push_back(account->budget);
  }
  return budgets;
}

void Accounts::load(const Budget& budget, Time period, Money spent) {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(budget.id);
  if (found == accounts_.end() || found->second.known) return;
  found->second.known = true;
  found->second.period = period;
  found->second.state = {.spent = spent, .held = {}};
}

// A new period begins with nothing spent: whatever is spent in it passes through here.
void Accounts::turn_to(Account& account, Time period) {
  if (period <= account.period) return;
  account.period = period;
  account.state = {};
}

Result<Accounts::Held> Accounts::hold(const Payer& payer, Money amount) {
  if (empty()) return Held{clock_.now(), {}};
  const std::lock_guard lock(mutex_);
  latest_ = std::max(latest_, clock_.now());
  Held held{latest_, {}};
  const std::vector<Account*> accounts = matching_accounts(payer);
  for (Account* account : accounts) {
    if (!account->known) continue;
    turn_to(*account, period_start(account->budget.period, held.at));
    const Money taken = account->state.spent + account->state.held;
    if (taken + amount > account->budget.limit) return over_budget(account->budget, taken, amount, held.at);
  }
  for (Account* account : accounts) {
    if (!account->known) continue;
    account->state.held += amount;
    held.holds.push_back({account->budget.id, account->period, amount});
  }
  return held;
}

void Accounts::release(const std::vector<Hold>& holds) {
  if (holds.empty()) return;
  const std::lock_guard lock(mutex_);
  for (const Hold& hold : holds) {
    const auto found = accounts_.find(hold.budget);
    // What was held of an earlier period went with it.
    if (found != accounts_.end() && found->second.period == hold.period)
      found->second.state.held -= hold.amount;
  }
}

std::vector<Hold> Accounts::hold_again(const Payer& payer, Money amount, Time when) {
  std::vector<Hold> holds;
  if (empty()) return holds;
  const std::lock_guard lock(mutex_);
  for (Account* account : matching_accounts(payer)) {
    const Time period = period_start(account->budget.period, when);
    if (!account->known) continue;
    turn_to(*account, period);
    if (account->period != period) continue;
    account->state.held += amount;
    holds.push_back({account->budget.id, period, amount});
  }
  return holds;
}

void Accounts::spend(const Payer& payer, Money cost, Time when) {
  if (empty()) return;
  const std::lock_guard lock(mutex_);
  for (Account* account : matching_accounts(payer)) {
    if (!account->known) continue;
    const Time period = period_start(account->budget.period, when);
    turn_to(*account, period);
    if (account->period == period) account->state.spent += cost;
  }
}

std::optional<Accounts::State> Accounts::state(const std::string& id, Time when) const {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(id);
  if (found == accounts_.end() || !found->second.known) return std::nullopt;
  if (found->second.period != period_start(found->second.budget.period, when)) return std::nullopt;
  return found->second.state;
}

}  // namespace acloud::ledger
