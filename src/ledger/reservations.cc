#include "ledger/reservations.h"

#include "ledger/ledger_tables.h"

namespace acloud::ledger {
namespace {

using store::Rows;

// Beside the request ids of calls, which hold under theirs.
std::string hold_name(const std::string& id) { return "reservation/" + id; }

Result<Reservation> reservation_of(const std::string& text) {
  ACLOUD_TRY(const Json json, parse_json(text));
  return decode<Reservation>(json);
}

}  // namespace

Payer Reservation::payer() const {
  const bool task = principal.starts_with("task_");
  return {.workspace = workspace,
          .key = key,
          .principal = principal,
          .task = task ? std::string_view(principal) : std::string_view(),
          .model = model};
}

std::vector<store::Migration> Reservations::migrations() {
  return {{"ledger-reservations-1",
           "CREATE TABLE reservations ("
           "  id TEXT PRIMARY KEY,"
           "  workspace TEXT NOT NULL,"
           "  reservation TEXT NOT NULL);"}};
}

Result<> Reservations::forget_workspace(store::Transaction& transaction, const std::string& workspace) {
  ACLOUD_CHECK(transaction.execute("DELETE FROM reservations WHERE workspace = $1", {workspace}));
  return {};
}

Result<> Reservations::reserve_in(store::Transaction& transaction, Reservation reservation) {
  if (parts_.shared) {
    reservation.at = parts_.clock.now();
    ACLOUD_CHECK(tables::hold_budgets_in(transaction, reservation.payer(), reservation.amount, reservation.at,
                                         hold_name(reservation.id)));
  } else {
    const std::lock_guard lock(mutex_);
    auto kept = kept_.find(reservation.id);
    if (kept == kept_.end()) {
      ACLOUD_TRY(Accounts::Held held, parts_.accounts.hold(reservation.payer(), reservation.amount));
      kept = kept_.emplace(reservation.id, Kept{held.at, std::move(held.holds)}).first;
    }
    reservation.at = kept->second.at;
  }
  ACLOUD_CHECK(
      transaction.execute("INSERT INTO reservations (id, workspace, reservation) VALUES ($1, $2, $3)",
                          {reservation.id, reservation.workspace, encode(reservation)}));
  return {};
}

void Reservations::unreserved(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto kept = kept_.extract(id);
  if (!kept.empty()) parts_.accounts.release(kept.mapped().holds);
}

Result<> Reservations::book_in(store::Transaction& transaction, const Reservation& reservation,
                               const Charge* charge) {
  if (parts_.shared) {
    if (charge != nullptr)
      ACLOUD_CHECK(tables::spend_in(transaction, reservation.payer(), charge->cost, charge->at));
    return tables::release_budgets_in(transaction, hold_name(reservation.id));
  }
  const std::lock_guard lock(mutex_);
  const auto kept = kept_.extract(reservation.id);
  // An earlier try of this, whose transaction was not kept, has booked it in memory.
  if (kept.empty()) return {};
  parts_.accounts.release(kept.mapped().holds);
  if (charge != nullptr) parts_.accounts.spend(reservation.payer(), charge->cost, charge->at);
  return {};
}

Result<std::optional<Money>> Reservations::settle_in(store::Transaction& transaction, const std::string& id,
                                                     std::string_view outcome, std::optional<Usage> usage) {
  ACLOUD_TRY(const Rows rows,
             transaction.query("DELETE FROM reservations WHERE id = $1 RETURNING reservation", {id}));
  if (rows.empty()) return std::optional<Money>();
  ACLOUD_TRY(const Reservation reservation, reservation_of(rows.front().text(0)));
  StoredCall call{.request_id = reservation.request_id,
                  .workspace = reservation.workspace,
                  .key = reservation.key,
                  .principal = reservation.principal,
                  .operation = reservation.operation,
                  .charges = {}};
  if (usage) {
    usage->model = reservation.model;
    const PriceSheet* sheet = reservation.sheet ? &*reservation.sheet : nullptr;
    call.charges.push_back(charge(*std::move(usage), sheet, reservation.at));
  }
  const Entry entry{.request_id = call.request_id,
                    .started = reservation.at,
                    .workspace = call.workspace,
                    .key = call.key,
                    .principal = call.principal,
                    .operation = call.operation,
                    .outcome = outcome,
                    .charges = call.charges};
  ACLOUD_CHECK(parts_.usage.keep_in(transaction, {&entry, 1}));
  if (parts_.witness) ACLOUD_CHECK(parts_.witness(transaction, call, outcome));
  const Charge* charge = call.charges.empty() ? nullptr : &call.charges.front();
  ACLOUD_CHECK(book_in(transaction, reservation, charge));
  return std::optional(charge == nullptr ? Money() : charge->cost);
}

Result<std::vector<Reservation>> Reservations::all(store::Reader& reader) {
  ACLOUD_TRY(const Rows rows, reader.query("SELECT reservation FROM reservations ORDER BY id"));
  std::vector<Reservation> open;
  for (const store::Row& row : rows) {
    ACLOUD_TRY(Reservation each, reservation_of(row.text(0)));
    open.push_back(std::move(each));
  }
  return open;
}

void Reservations::take_up(const Reservation& reservation) {
  const std::lock_guard lock(mutex_);
  kept_[reservation.id] = {
      reservation.at, parts_.accounts.hold_again(reservation.payer(), reservation.amount, reservation.at)};
}

}  // namespace acloud::ledger
