#include "ledger/ledger.h"

#include "base/log.h"

namespace acloud::ledger {
namespace {

constexpr std::size_t kCallsPerTransaction = 256;

Entry entry_of(const StoredCall& call) {
  return {.request_id = call.request_id,
          .started = call.charges.empty() ? Time() : call.charges.front().at,
          .workspace = call.workspace,
          .key = call.key,
          .principal = call.principal,
          .operation = call.operation,
          .outcome = "lost",
          .charges = call.charges};
}

Payer payer_of(const StoredCall& call, std::string_view model) {
  return {.workspace = call.workspace,
          .key = call.key,
          .principal = call.principal,
          .task = entry_of(call).task(),
          .model = model};
}

std::int64_t tokens_of(const Estimate& estimate, const PriceSheet* sheet) {
  const std::int64_t most = sheet != nullptr ? sheet->max_output.value_or(kMaxOutput) : kMaxOutput;
  return estimate.input + estimate.max_output.value_or(most);
}

}  // namespace

Payer OpenCall::payer(std::string_view of_model) const { return payer_of(stored, of_model); }

std::int64_t OpenCall::tokens() const {
  std::int64_t tokens = 0;
  for (const Charge& charge : stored.charges) tokens += charge.tokens.total();
  return tokens;
}

Ledger::Ledger(Parts parts)
    : parts_(std::move(parts)),
      usage_(parts_.instance),
      accounts_(parts_.clock),
      limits_(parts_.clock),
      reservations_({.accounts = accounts_,
                     .usage = usage_,
                     .clock = parts_.clock,
                     .witness = parts_.witness,
                     .shared = parts_.shared}) {}

std::vector<store::Migration> Ledger::migrations() {
  auto all = UsageTables::migrations();
  for (auto& migration : tables::migrations()) all.push_back(std::move(migration));
  for (auto& migration : Reservations::migrations()) all.push_back(std::move(migration));
  return all;
}

// --- A call's way. ---

void Ledger::remember(OpenCall& call, const StoredCall& stored) {
  if (call.slot == OpenCalls::kNone) {
    call.slot = parts_.calls.take(stored);
  } else {
    parts_.calls.note(call.slot, stored);
  }
}

Result<RateLimits::Counted> Ledger::hold_here(OpenCall& call, const Estimate& estimate, Money amount) {
  accounts_.release(std::exchange(call.holds, {}));
  limits_.give_back(std::exchange(call.shares, {}));
  const Payer payer = call.payer(estimate.model);
  ACLOUD_TRY(RateLimits::Counted counted,
             limits_.take(limits_.matching(payer), tokens_of(estimate, call.sheet.get())));
  auto held = accounts_.hold(payer, amount);
  if (!held) {
    limits_.give_back(counted.shares);
    return std::unexpected(std::move(held).error());
  }
  call.holds = std::move(held->holds);
  call.at = held->at;
  return counted;
}

Task<Result<RateLimits::Counted>> Ledger::hold_shared(OpenCall& call, const Estimate& estimate,
                                                      Money amount) {
  const Payer payer = call.payer(estimate.model);
  call.at = parts_.clock.now();
  const std::vector<RateRule> rules = limits_.matching(payer);
  if (!call.in_store && rules.empty() && accounts_.matching(payer).empty()) co_return RateLimits::Counted{};
  StoredCall provisional = call.stored;
  if (!call.deferred) {
    provisional.charges.push_back(
        charge({.model = estimate.model, .tokens = {.input_uncached = estimate.input}, .estimated = true},
               call.sheet.get(), call.at));
  }
  const tables::SharedHold hold{.rules = rules,
                                .payer = payer,
                                .amount = amount,
                                .tokens = tokens_of(estimate, call.sheet.get()),
                                .at = call.at,
                                .instance = parts_.instance,
                                .call = provisional};
  auto counted =
      co_await parts_.database.write([&hold, &call](store::Transaction& tx) -> Result<RateLimits::Counted> {
        if (call.in_store) ACLOUD_CHECK(tables::release_in(tx, call.stored.request_id, call.shares, 0));
        return tables::hold_in(tx, hold);
      });
  if (!counted) co_return std::unexpected(std::move(counted).error());
  call.in_store = true;
  co_return std::move(counted->value);
}

Task<Result<>> Ledger::hold(OpenCall& call, Estimate estimate) {
  estimate.input = std::clamp<std::int64_t>(estimate.input, 0, kTokensMost);
  if (estimate.max_output)
    estimate.max_output = std::clamp<std::int64_t>(*estimate.max_output, 0, kTokensMost);
  call.sheet = prices_.find(estimate.model);
  call.model = estimate.model;
  call.deferred = estimate.deferred;
  const Money amount = call.sheet ? call.sheet->bound(estimate) : Money();
  ACLOUD_CO_CHECK(co_await know(call.payer(estimate.model)));
  Result<RateLimits::Counted> counted = RateLimits::Counted{};
  if (parts_.shared) {
    // Once begun it is finished: whether it holds must be known.
    counted = co_await hold_shared(call, estimate, amount).shielded();
  } else {
    counted = hold_here(call, estimate, amount);
  }
  if (!counted) co_return std::unexpected(std::move(counted).error());
  call.shares = std::move(counted->shares);
  call.standing = counted->standing;
  call.held = true;
  if (call.deferred) co_return {};
  note(call, {.model = estimate.model,
              .tokens = {.input_uncached = estimate.input},
              .estimated = true,
              .batch = estimate.batch});
  co_return {};
}

void Ledger::note(OpenCall& call, Usage so_far) {
  const auto sheet = so_far.model == call.model ? call.sheet : prices_.find(so_far.model);
  StoredCall stored = call.stored;
  stored.charges.push_back(charge(std::move(so_far), sheet.get(), call.held ? call.at : parts_.clock.now()));
  remember(call, stored);
}

void Ledger::used(OpenCall& call, Usage usage) {
  const auto sheet = call.held && usage.model == call.model ? call.sheet : prices_.find(usage.model);
  call.stored.charges.push_back(
      charge(std::move(usage), sheet.get(), call.held ? call.at : parts_.clock.now()));
  remember(call, call.stored);
}

Result<> Ledger::keep_in(store::Transaction& transaction, std::span<const Entry> entries) {
  ACLOUD_CHECK(usage_.keep_in(transaction, entries));
  return {};
}

void Ledger::book(OpenCall& call) {
  if (std::exchange(call.booked, true)) return;
  accounts_.release(std::exchange(call.holds, {}));
  limits_.settle(call.shares, call.tokens());
  for (const Charge& charge : call.stored.charges)
    accounts_.spend(call.payer(charge.model), charge.cost, charge.at);
}

Result<> Ledger::settle_in(store::Transaction& transaction, const Entry& entry, OpenCall& call) {
  // Nothing is owed: also not if the server is killed from here on.
  if (entry.charges.empty()) parts_.calls.free(std::exchange(call.slot, OpenCalls::kNone));
  const bool later = call.deferred && entry.outcome == "ok";
  ACLOUD_TRY(const std::int64_t kept, later ? std::int64_t{0} : usage_.keep_in(transaction, {&entry, 1}));
  if (!parts_.shared) {
    book(call);
    return {};
  }
  // Where it was charged as abandoned, its money is counted already.
  if (kept > 0) {
    for (const Charge& charge : entry.charges)
      ACLOUD_CHECK(tables::spend_in(transaction, call.payer(charge.model), charge.cost, charge.at));
  }
  if (!call.in_store) return {};
  return tables::release_in(transaction, call.stored.request_id, call.shares, call.tokens());
}

void Ledger::settled(OpenCall& call, store::Commit commit) {
  parts_.calls.free_after(std::exchange(call.slot, OpenCalls::kNone), std::move(commit));
}

void Ledger::unsettled(OpenCall& call) {
  if (!parts_.shared) book(call);
  if (!call.stored.charges.empty()) {
    parts_.calls.keep_later(std::exchange(call.slot, OpenCalls::kNone));
  } else {
    parts_.calls.free(std::exchange(call.slot, OpenCalls::kNone));
    if (!call.in_store) return;
    const std::lock_guard lock(mutex_);
    unreleased_.push_back(call.stored.request_id);
  }
}

// --- Calls that were left. ---

Result<> Ledger::keep_found_in(store::Transaction& transaction, const StoredCall& call) {
  const Entry entry = entry_of(call);
  if (!call.charges.empty()) {
    ACLOUD_TRY(const std::int64_t kept, usage_.keep_in(transaction, {&entry, 1}));
    if (kept > 0) {
      if (parts_.witness) ACLOUD_CHECK(parts_.witness(transaction, call, entry.outcome));
      for (const Charge& charge : call.charges) {
        if (!parts_.shared) break;
        ACLOUD_CHECK(tables::spend_in(transaction, payer_of(call, charge.model), charge.cost, charge.at));
      }
    }
  }
  return parts_.shared ? tables::release_in(transaction, call.request_id, {}, 0) : Result<>();
}

Task<Result<>> Ledger::keep_found(std::vector<StoredCall> calls) {
  for (std::size_t from = 0; from < calls.size(); from += kCallsPerTransaction) {
    const std::size_t to = std::min(from + kCallsPerTransaction, calls.size());
    ACLOUD_CO_CHECK(co_await parts_.database.write_durably([&, from, to](store::Transaction& tx) -> Result<> {
      for (std::size_t i = from; i < to; ++i) ACLOUD_CHECK(keep_found_in(tx, calls[i]));
      return {};
    }));
  }
  if (!calls.empty()) log::warn("calls that a server left were charged", {{"calls", calls.size()}});
  co_return {};
}

Task<Result<>> Ledger::keep_earlier() {
  ACLOUD_CO_TRY(const std::vector<std::string> files, parts_.calls.earlier_files());
  for (const std::string& file : files) {
    ACLOUD_CO_TRY(std::vector<StoredCall> calls, parts_.calls.read(file));
    ACLOUD_CO_CHECK(co_await keep_found(std::move(calls)));
    ACLOUD_CO_CHECK(parts_.calls.forget(file));
  }
  co_return {};
}

Task<Result<>> Ledger::keep_unkept() {
  Result<> kept;
  for (const OpenCalls::Found& found : parts_.calls.unkept()) {
    if (kept) kept = co_await keep_found({found.call});
    if (kept) {
      parts_.calls.free(found.slot);
    } else {
      parts_.calls.keep_later(found.slot);
    }
  }
  if (!kept) co_return kept;
  std::vector<std::string> unreleased;
  {
    const std::lock_guard lock(mutex_);
    unreleased.swap(unreleased_);
  }
  if (unreleased.empty()) co_return {};
  auto released = co_await parts_.database.write_durably([&](store::Transaction& tx) -> Result<> {
    for (const std::string& id : unreleased) ACLOUD_CHECK(tables::release_in(tx, id, {}, 0));
    return {};
  });
  if (!released) {
    const std::lock_guard lock(mutex_);
    unreleased_.insert(unreleased_.end(), unreleased.begin(), unreleased.end());
  }
  co_return released;
}

Task<Result<>> Ledger::keep_abandoned() {
  const Time before = parts_.clock.now() - kLease;
  ACLOUD_CO_TRY(std::vector<StoredCall> calls, co_await parts_.database.read([before](store::Reader& reader) {
    return tables::abandoned(reader, before);
  }));
  co_return co_await keep_found(std::move(calls));
}

// What was held when the last server ended is held still. In memory alone where the database is this
// server's.
Task<Result<>> Ledger::take_up_reservations() {
  if (parts_.shared) co_return {};
  ACLOUD_CO_TRY(const std::vector<Reservation> open, co_await parts_.database.read([](store::Reader& reader) {
    return Reservations::all(reader);
  }));
  for (const Reservation& each : open) {
    ACLOUD_CO_CHECK(co_await know(each.payer()));
    reservations_.take_up(each);
  }
  co_return {};
}

Task<Result<>> Ledger::start() {
  ACLOUD_CO_CHECK(co_await reload());
  // Before any budget is known: what is charged here is then read with the rest.
  ACLOUD_CO_CHECK(co_await keep_earlier());
  ACLOUD_CO_CHECK(co_await take_up_reservations());
  co_return co_await maintain();  // so that a shared database knows of this run before its first hold
}

Task<Result<>> Ledger::maintain() {
  ACLOUD_CO_CHECK(co_await keep_unkept());
  limits_.sweep();
  if (!parts_.shared) co_return {};
  ACLOUD_CO_CHECK(co_await reload());
  if (parts_.clock.instant() < next_beat_) co_return {};
  next_beat_ = parts_.clock.instant() + kBeatEvery;
  const Time now = parts_.clock.now();
  ACLOUD_CO_CHECK(co_await parts_.database.write_durably([&, now](store::Transaction& tx) -> Result<> {
    ACLOUD_CHECK(tables::beat(tx, parts_.instance, now));
    return tables::sweep(tx, now);
  }));
  co_return co_await keep_abandoned();
}

}  // namespace acloud::ledger
