// The part of ledger.h that is about what is set: budgets, limits and prices.
#include "ledger/ledger.h"

namespace acloud::ledger {

Task<Result<>> Ledger::reload() {
  struct Read {
    std::vector<Budget> budgets;
    std::vector<SetRate> rates;
    std::int64_t prices_seen;
  };
  ACLOUD_CO_TRY(Read read, co_await parts_.database.read([](store::Reader& reader) -> Result<Read> {
    Read read;
    ACLOUD_TRY(read.budgets, tables::budgets(reader));
    ACLOUD_TRY(read.rates, tables::rates(reader));
    ACLOUD_TRY(const store::Rows rows, reader.query("SELECT COALESCE(MAX(updated), 0) FROM prices"));
    read.prices_seen = rows.front().integer(0);
    return read;
  }));
  accounts_.set_all(std::move(read.budgets));
  limits_.set_all(std::move(read.rates));
  if (read.prices_seen == prices_seen_) co_return {};
  ACLOUD_CO_TRY(const auto sheets,
                co_await parts_.database.read([](store::Reader& reader) { return tables::prices(reader); }));
  prices_.set_imported(sheets);
  prices_seen_ = read.prices_seen;
  co_return {};
}

Result<> Ledger::load_in(store::Transaction& transaction, const Budget& budget) {
  const Time from = period_start(budget.period, parts_.clock.now());
  ACLOUD_TRY(const Money spent, tables::spent_since(transaction, budget.scope, from));
  accounts_.load(budget, from, spent);
  return {};
}

Task<Result<>> Ledger::know(const Payer& payer) {
  if (parts_.shared) co_return {};
  const std::vector<Budget> unknown = accounts_.unknown(payer);
  if (unknown.empty()) co_return {};
  // A write, though it writes nothing: on the writer's thread no record is kept between the sum and load().
  auto loaded = co_await parts_.database.write([this, unknown](store::Transaction& tx) -> Result<> {
    for (const Budget& budget : unknown) ACLOUD_CHECK(load_in(tx, budget));
    return {};
  });
  if (!loaded) co_return std::unexpected(std::move(loaded).error());
  co_return {};
}

Result<Budget> Ledger::set_budget_in(store::Transaction& transaction, const Budget& budget) {
  ACLOUD_TRY(Budget set, tables::set_budget(transaction, budget));
  accounts_.set(set);
  if (!parts_.shared) ACLOUD_CHECK(load_in(transaction, set));
  return set;
}

Result<> Ledger::delete_budget_in(store::Transaction& transaction, const std::string& id) {
  ACLOUD_CHECK(tables::delete_budget(transaction, id));
  accounts_.remove(id);
  return {};
}

Result<Money> Ledger::left_in(store::Reader& reader, const Budget& budget, Time now) const {
  if (parts_.shared) {
    ACLOUD_TRY(const Accounts::State state, tables::state_in(reader, budget, now));
    return budget.limit - state.spent - state.held;
  }
  const Accounts::State state = accounts_.state(budget.id, now).value_or(Accounts::State{});
  return budget.limit - state.spent - state.held;
}

Result<> Ledger::share_in(store::Transaction& transaction, const Scope& of, std::optional<Money> amount,
                          Time now) {
  if (of.id.empty()) return {};
  ACLOUD_TRY(std::optional<Budget> budget, tables::budget_of(transaction, of, Period::total));
  if (!budget) return {};
  ACLOUD_TRY(const Money left, left_in(transaction, *budget, now));
  if (!amount) {
    return fail(ErrorCode::invalid_argument,
                "budget: must be named, since it comes out of {}'s, of which {} is left", of.id, left.text());
  }
  if (left < *amount)
    return fail(ErrorCode::budget_exceeded, "budget: {} of {}'s budget is left, not {}", left.text(), of.id,
                amount->text());
  budget->limit -= *amount;
  ACLOUD_CHECK(set_budget_in(transaction, *budget));
  return {};
}

Result<> Ledger::give_back_in(store::Transaction& transaction, const Scope& from, const Scope& to, Time now) {
  ACLOUD_TRY(std::optional<Budget> own, tables::budget_of(transaction, from, Period::total));
  ACLOUD_TRY(std::optional<Budget> other, tables::budget_of(transaction, to, Period::total));
  if (!own || !other) return {};
  ACLOUD_TRY(const Money left, left_in(transaction, *own, now));
  if (left <= Money()) return {};
  own->limit -= left;
  other->limit += left;
  ACLOUD_CHECK(set_budget_in(transaction, *own));
  ACLOUD_CHECK(set_budget_in(transaction, *other));
  return {};
}

}  // namespace acloud::ledger
