// The business as who runs the cloud sees it: what each customer used and brought in, how fast that goes, and
// how much of their budgets is spent.
//
//   run rate:  the revenue of the last 24 whole hours; a month is 30 such days, a year 365
//   share:     of the time's revenue; of a budget, spent / limit
//
// Out of the ledger's sums by the hour, as a query is.
#pragma once

#include "ledger/budget.h"
#include "usage/query.h"

namespace acloud::usage {

// Who is a customer: each within its workspace.
enum class Customer { workspace, principal, key };
constexpr auto enum_names(Customer) {
  using enum Customer;
  return std::array<std::pair<Customer, std::string_view>, 3>{
      {{workspace, "workspace"}, {principal, "principal"}, {key, "key"}}};
}

inline constexpr std::int64_t kCustomersMost = 200;

struct OverviewOf {
  std::optional<Time> from;
  std::optional<Time> to;
  Customer by = Customer::workspace;
  std::int64_t limit = 20;
  static constexpr auto schema =
      fields(field("from", &OverviewOf::from, "The first hour; absent: 30 days before `to`.",
                   example(R"("2026-11-01T00:00:00Z")")),
             field("to", &OverviewOf::to, "The end, not included; absent: now."),
             field("by", &OverviewOf::by, "Who a customer is: a workspace, or a principal or a key of one."),
             field("limit", &OverviewOf::limit,
                   "Customers told apart, those with the most revenue; the rest are one.",
                   between(std::int64_t{1}, kCustomersMost)));
};

struct ModelSales {
  std::string model;
  std::int64_t calls = 0;
  ledger::Tokens tokens;
  ledger::Money revenue;
  static constexpr auto schema = fields(field("model", &ModelSales::model, "As it was named."),
                                        field("calls", &ModelSales::calls, "Calls of it."),
                                        field("tokens", &ModelSales::tokens, "What was used."),
                                        field("revenue", &ModelSales::revenue, "What is billed for it."));
};

struct RunRate {
  ledger::Money day, month, year;
  static constexpr auto schema = fields(field("day", &RunRate::day, "Revenue of the last 24 whole hours."),
                                        field("month", &RunRate::month, "30 such days."),
                                        field("year", &RunRate::year, "365 such days."));
};

struct BudgetShare {
  std::string id;
  ledger::Period period = ledger::Period::month;
  ledger::Money limit, spent;
  double share = 0;
  static constexpr auto schema = fields(
      field("id", &BudgetShare::id, "The budget's."), field("period", &BudgetShare::period, "Of what time."),
      field("limit", &BudgetShare::limit, "What may be spent in it."),
      field("spent", &BudgetShare::spent, "What was spent in the one under way."),
      field("share", &BudgetShare::share, "spent / limit; 1 for a limit of 0."));
};

struct CustomerLine {
  std::string workspace;
  std::optional<std::string> principal, key;
  std::int64_t calls = 0;
  ledger::Tokens tokens;
  ledger::Money revenue, revenue_before;
  double share = 0;
  RunRate run_rate;
  std::vector<ModelSales> models;
  std::vector<BudgetShare> budgets;
  static constexpr auto schema = fields(
      field("workspace", &CustomerLine::workspace, "The customer's."),
      field("principal", &CustomerLine::principal, "Who of it, where that is asked for."),
      field("key", &CustomerLine::key, "Which key's id, where that is asked for."),
      field("calls", &CustomerLine::calls, "Calls of models."),
      field("tokens", &CustomerLine::tokens, "What was used."),
      field("revenue", &CustomerLine::revenue, "What is billed for it."),
      field("revenue_before", &CustomerLine::revenue_before, "The same of as long a time right before."),
      field("share", &CustomerLine::share, "Of all revenue, 0 to 1."),
      field("run_rate", &CustomerLine::run_rate, "How fast revenue comes."),
      field("models", &CustomerLine::models, "By model, the most revenue first."),
      field("budgets", &CustomerLine::budgets, "The customer's own, with how much of each is spent."));
};

struct SalesSum {
  std::int64_t customers = 0;
  std::int64_t calls = 0;
  ledger::Tokens tokens;
  ledger::Money revenue, revenue_before;
  RunRate run_rate;
  static constexpr auto schema =
      fields(field("customers", &SalesSum::customers, "How many used a model in the time."),
             field("calls", &SalesSum::calls, "Calls of models."),
             field("tokens", &SalesSum::tokens, "What was used."),
             field("revenue", &SalesSum::revenue, "What is billed for it."),
             field("revenue_before", &SalesSum::revenue_before, "The same of as long a time right before."),
             field("run_rate", &SalesSum::run_rate, "How fast revenue comes."));
};

struct Overview {
  Time from{}, to{};
  std::string currency;
  SalesSum total;
  std::vector<ModelSales> models;
  std::vector<CustomerLine> customers;
  SalesSum others;
  static constexpr auto schema =
      fields(field("from", &Overview::from, "The first hour that is counted."),
             field("to", &Overview::to, "Where the last one ends."),
             field("currency", &Overview::currency, "Of the operator's prices."),
             field("total", &Overview::total, "All customers together."),
             field("models", &Overview::models, "By model, the most revenue first."),
             field("customers", &Overview::customers, "The most revenue first, then by name."),
             field("others", &Overview::others, "Customers beyond `limit`, as one."));
};

// What `overview` is made of: sums by customer and model, with groups workspace, principal or key, and model.
struct Sales {
  std::vector<UsageItem> now, before, last_day;
};
// All but the budgets. Pure.
Overview overview_of(const Sales& sales, const OverviewOf& request);

// REQUIRES: from and to are set, to whole hours. Errors: too_large: more sums than kSumsMost.
Result<Overview> overview(store::Reader& reader, const OverviewOf& request, Time now,
                          const std::string& currency);

}  // namespace acloud::usage
