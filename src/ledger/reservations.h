// Holds that outlive the calls that made them: money for work that a provider does long after the call has
// been answered, such as a video.
//
//   in the transaction of the call:       reserve_in(), beside what remembers the work
//   in the one that keeps how it ended:   settle_in(), once
//
// A reservation is a row, so that it is there after the server was killed, and on every server of one
// database. Its amount stands against the payer's budgets from the first transaction to the second; what the
// work came to is then a charge at the price that was known when it was asked for, in the period of that
// time. There the call is counted too, with the charge, so that one generation is one call and one use.
//
// Always: however often and by how many servers it is settled, one of them does; the others are told so.
#pragma once

#include <functional>
#include <mutex>

#include "ledger/accounts.h"
#include "ledger/open_calls.h"
#include "ledger/usage_tables.h"

namespace acloud::ledger {

// Writes the audit record of a call, with its outcome, in a transaction.
using Witness = std::function<Result<>(store::Transaction&, const StoredCall&, std::string_view outcome)>;

struct Reservation {
  std::string id;          // of the work
  std::string request_id;  // of the call that asked for it
  std::string workspace, key, principal, operation;
  std::string model;
  Time at{};                        // when it was let through
  Money amount;                     // what it can come to at most
  std::optional<PriceSheet> sheet;  // nothing where the model has no price
  static constexpr auto schema =
      fields(field("id", &Reservation::id, "What it is for."),
             field("request_id", &Reservation::request_id, "Of the call that asked."),
             field("workspace", &Reservation::workspace, "Whose call it was."),
             field("key", &Reservation::key, "The key that was used."),
             field("principal", &Reservation::principal, "Who uses the model."),
             field("operation", &Reservation::operation, "What was called."),
             field("model", &Reservation::model, "As the caller named it."),
             field("at", &Reservation::at, "When it was let through."),
             field("amount", &Reservation::amount, "What is held."),
             field("sheet", &Reservation::sheet, "Prices by which it is charged."));

  Payer payer() const;
};

class Reservations {
 public:
  struct Parts {
    Accounts& accounts;
    const UsageTables& usage;
    Clock& clock;
    const Witness& witness;
    bool shared;  // other servers use the database too
  };
  explicit Reservations(Parts parts) : parts_(parts) {}
  static std::vector<store::Migration> migrations();
  // Those of a workspace that is deleted; what they hold is nobody's.
  static Result<> forget_workspace(store::Transaction& transaction, const std::string& workspace);

  // Its `at` becomes the time of now. REQUIRES: Ledger::know() of its payer. Errors: budget_exceeded.
  // May run more than once, as any closure of a transaction.
  Result<> reserve_in(store::Transaction& transaction, Reservation reservation);
  // The transaction of reserve_in() was not kept.
  void unreserved(const std::string& id);
  // It ended so: `usage` is what it came to, nothing where it came to nothing; `outcome` "ok" or the code of
  // an error. What is charged; nothing where it was settled before, and nothing was done.
  Result<std::optional<Money>> settle_in(store::Transaction& transaction, const std::string& id,
                                         std::string_view outcome, std::optional<Usage> usage);

  // Those that are open. Without budgets they are rows alone.
  static Result<std::vector<Reservation>> all(store::Reader& reader);
  // One that an earlier run of the server left open. REQUIRES: as reserve_in().
  void take_up(const Reservation& reservation);

 private:
  Result<> book_in(store::Transaction& transaction, const Reservation& reservation, const Charge* charge);

  struct Kept {
    Time at{};
    std::vector<Hold> holds;
  };
  Parts parts_;
  std::mutex mutex_;                  // guards what follows
  std::map<std::string, Kept> kept_;  // where the database is this server's alone
};

}  // namespace acloud::ledger
