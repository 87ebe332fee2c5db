// Where budgets stand, in memory: what was spent in the running period, and what is held by calls under way.
//
// On SQLite one server has the database to itself, so this is all that a call is checked against: a hold
// costs a microsecond and no write. What was spent follows the tables: it changes on the database's writer
// thread, within the closure that writes the record, so that it is in the writer's order with whatever reads
// the sums. What is held needs no table: calls under way that a killed server leaves are in OpenCalls.
//
// On PostgreSQL it only says which budgets there are; shared_accounts.h does the rest.
//
// Always: spent + held <= limit for every budget, but where a call cost more than its estimate said.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <vector>

#include "ledger/budget.h"
#include "ledger/refusal.h"

namespace acloud::ledger {

// Part of a budget that a call holds.
struct Hold {
  std::string budget;
  Time period{};  // the start of the period that it is of
  Money amount;
};

class Accounts {
 public:
  explicit Accounts(Clock& clock) : clock_(clock) {}
  // Replaces all budgets; those that are there already, unchanged in scope and period, keep where they stand.
  void set_all(std::vector<Budget> budgets);
  void set(Budget budget);
  // False where there is none.
  bool remove(const std::string& id);
  std::optional<Budget> find(const std::string& id) const;
  bool empty() const { return count_.load(std::memory_order_relaxed) == 0; }

  // The budgets that the payer's spending counts towards.
  std::vector<Budget> matching(const Payer& payer) const;

  // Budgets of the payer whose spending is not known yet: to be read, then load()ed.
  std::vector<Budget> unknown(const Payer& payer) const;
  // REQUIRES: called in the order in which the tables changed.
  void load(const Budget& budget, Time period, Money spent);

  struct Held {
    Time at{};  // what the call will cost is of the period that this is in
    std::vector<Hold> holds;
  };
  // All or nothing. A budget that is still unknown was set meanwhile, and does not bind this call.
  // Errors: budget_exceeded.
  Result<Held> hold(const Payer& payer, Money amount);
  void release(const std::vector<Hold>& holds);
  // What an earlier run of the server held for a use at `when`: it is not checked again.
  // REQUIRES: no budget of the payer is unknown.
  std::vector<Hold> hold_again(const Payer& payer, Money amount, Time when);
  // A use that was held at `when`. In the order of the tables, as load().
  void spend(const Payer& payer, Money cost, Time when);

  struct State {
    Money spent;
    Money held;
  };
  // Nothing where it is not known, or nothing happened in that period yet.
  std::optional<State> state(const std::string& id, Time when) const;

 private:
  struct Account {
    Budget budget;
    bool known = false;
    Time period{};
    State state;
  };
  void rebuild_index();
  static void turn_to(Account& account, Time period);
  std::vector<Account*> matching_accounts(const Payer& payer) const;

  Clock& clock_;
  mutable std::mutex mutex_;  // guards what follows
  Time latest_{};             // so that a clock that is set back reopens no period
  mutable std::map<std::string, Account> accounts_;
  std::map<Scope, std::vector<std::string>> by_scope_;
  std::atomic<std::size_t> count_{0};
};

}  // namespace acloud::ledger
