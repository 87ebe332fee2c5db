// The ledger: holds before a call of a model, its charges after it, and what is set of budgets, limits and
// prices. One for each run of a server.
//
// A call's way: hold() finds its price, counts it towards its rate limits and sets aside, in every budget
// that it counts towards, the most that it can cost; used() prices what each attempt used; settle_in() keeps
// the charges in the transaction of the call's record, and gives back what was held beyond them. Each charge
// has the price that was known when the call was let through.
//
// Where a server has the database to itself (SQLite), budgets and limits are checked in memory. Where servers
// share one (PostgreSQL), a call that any budget or limit applies to is held in a transaction there.
//
// What a call starts and leaves running is held by a Reservation, which survives the server.
//
// Calls that a killed server leaves are charged by the next server on its data folder (see OpenCalls for what
// is charged), or, where they were held in a shared database, by any other once the server has given no sign
// for kLease: until then what they held stays held.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "ledger/accounts.h"
#include "ledger/entry.h"
#include "ledger/ledger_tables.h"
#include "ledger/open_calls.h"
#include "ledger/reservations.h"
#include "ledger/usage_tables.h"

namespace acloud::ledger {

// A call as the ledger follows it. Used by one task at a time.
struct OpenCall {
  StoredCall stored;  // who calls, and what it used so far
  bool held = false;
  bool in_store = false;  // what it holds is in the shared database
  bool booked = false;    // what it holds was given back, and what it used is counted
  bool deferred = false;  // what it starts is counted in its place, if it starts that
  Time at{};
  std::string model;
  std::shared_ptr<const PriceSheet> sheet;  // shared with the book, which may have changed since
  std::vector<Hold> holds;
  std::vector<RateShare> shares;
  Standing standing;
  OpenCalls::Slot slot = OpenCalls::kNone;

  Payer payer(std::string_view of_model) const;
  std::int64_t tokens() const;
};

class Ledger {
 public:
  static constexpr std::chrono::seconds kLease{60};
  static constexpr std::chrono::seconds kBeatEvery{5};

  struct Parts {
    store::Database& database;
    Clock& clock;
    OpenCalls& calls;
    std::string instance;  // names this run of the server
    bool shared;           // other servers use the database too
    // Writes the audit record of a call whose server did not live to write it ("lost"), or of what a call
    // had started when that ends.
    Witness witness;
  };
  explicit Ledger(Parts parts);
  static std::vector<store::Migration> migrations();

  // Reads what is set, and charges the calls that earlier runs left. To be awaited before the first call.
  Task<Result<>> start();
  // What has to be done each second or so.
  Task<Result<>> maintain();

  PriceBook& prices() { return prices_; }
  RateLimits& limits() { return limits_; }
  const Accounts& accounts() const { return accounts_; }
  bool shared() const { return parts_.shared; }
  // What outlives the calls that asked for it.
  Reservations& reservations() { return reservations_; }

  // Once for each model that the call tries: a later hold takes the place of an earlier one.
  // Errors: budget_exceeded, rate_limited (refusal.h has their details); unavailable.
  Task<Result<>> hold(OpenCall& call, Estimate estimate);
  // What the attempt under way has used so far, as far as is known: charged where the server is killed.
  void note(OpenCall& call, Usage so_far);
  void used(OpenCall& call, Usage usage);
  // Before Reservations::reserve_in(), outside of its transaction: where the payer's budgets stand.
  Task<Result<>> know(const Payer& payer);
  // Keeps calls that used no model.
  Result<> keep_in(store::Transaction& transaction, std::span<const Entry> entries);
  // In the transaction of the call's record; `entry` has the call's charges.
  Result<> settle_in(store::Transaction& transaction, const Entry& entry, OpenCall& call);
  // What settle_in() did is on disk with `commit`.
  void settled(OpenCall& call, store::Commit commit);
  // It could not be written: it is tried again by maintain().
  void unsettled(OpenCall& call);

  // What is set. Each in the transaction of the call that sets it; `after` on what it gave, once it has run.
  Result<Budget> set_budget_in(store::Transaction& transaction, const Budget& budget);
  Result<> delete_budget_in(store::Transaction& transaction, const std::string& id);
  // Takes `amount` out of the budget of scope `of`, for another's: nothing where there is none such.
  // Errors: budget_exceeded: less is left; invalid_argument: there is one, and no amount is named.
  Result<> share_in(store::Transaction& transaction, const Scope& of, std::optional<Money> amount, Time now);
  // What is left of the budget of `from` is `to`'s again; nothing where either has none.
  Result<> give_back_in(store::Transaction& transaction, const Scope& from, const Scope& to, Time now);
  Task<Result<>> reload();

 private:
  Result<std::optional<Budget>> total_in(store::Reader& reader, const Scope& scope) const;
  Result<Money> left_in(store::Reader& reader, const Budget& budget, Time now) const;
  Result<> load_in(store::Transaction& transaction, const Budget& budget);
  Task<Result<>> take_up_reservations();
  Task<Result<RateLimits::Counted>> hold_shared(OpenCall& call, const Estimate& estimate, Money amount);
  Result<RateLimits::Counted> hold_here(OpenCall& call, const Estimate& estimate, Money amount);
  void remember(OpenCall& call, const StoredCall& stored);
  void book(OpenCall& call);
  Task<Result<>> keep_found(std::vector<StoredCall> calls);
  Result<> keep_found_in(store::Transaction& transaction, const StoredCall& call);
  Task<Result<>> keep_earlier();
  Task<Result<>> keep_unkept();
  Task<Result<>> keep_abandoned();

  Parts parts_;
  UsageTables usage_;
  Accounts accounts_;
  RateLimits limits_;
  PriceBook prices_;
  Reservations reservations_;
  Instant next_beat_{};
  std::int64_t prices_seen_ = -1;
  std::mutex mutex_;                     // guards what follows
  std::vector<std::string> unreleased_;  // request ids whose holds are to be taken out of the shared database
};

}  // namespace acloud::ledger
