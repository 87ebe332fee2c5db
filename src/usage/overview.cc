#include "usage/overview.h"

#include "ledger/ledger_tables.h"

namespace acloud::usage {
namespace {

using ledger::Money;

constexpr std::int64_t kDaysOfMonth = 30;
constexpr std::int64_t kDaysOfYear = 365;
constexpr std::int64_t kBudgetsMost = 100;  // of one customer

// Workspace, and who of it; "" where customers are workspaces.
using Name = std::pair<std::string, std::string>;

std::string_view text_of(Customer by) { return schema::Codec<Customer>::name(by); }

std::string group(const UsageItem& item, std::string_view name) {
  const auto found = item.group.find(std::string(name));
  return found == item.group.end() ? std::string() : found->second;
}

Name name_of(const UsageItem& item, Customer by) {
  return {group(item, "workspace"), by == Customer::workspace ? "" : group(item, text_of(by))};
}

double ratio(Money part, Money whole) {
  const auto number = [](Money money) {
    return static_cast<double>(money.micro()) * 1e-6 + static_cast<double>(money.rest()) * 1e-18;
  };
  return whole.is_zero() ? 0 : number(part) / number(whole);
}

RunRate run_rate(Money day) { return {day, day * kDaysOfMonth, day * kDaysOfYear}; }

void add(ModelSales& to, const UsageItem& item) {
  to.calls += item.calls;
  to.tokens += item.tokens;
  to.revenue += item.cost;
}

std::vector<ModelSales> sorted(const std::map<std::string, ModelSales>& models) {
  std::vector<ModelSales> all;
  all.reserve(models.size());
  for (const auto& [name, model] : models) all.push_back(model);
  std::ranges::sort(all, [](const ModelSales& a, const ModelSales& b) {
    return a.revenue != b.revenue ? a.revenue > b.revenue : a.model < b.model;
  });
  return all;
}

// One customer while the sums are added up.
struct Adding {
  CustomerLine line;
  std::map<std::string, ModelSales> models;
};

void add(SalesSum& to, const CustomerLine& line) {
  ++to.customers;
  to.calls += line.calls;
  to.tokens += line.tokens;
  to.revenue += line.revenue;
  to.revenue_before += line.revenue_before;
  to.run_rate = run_rate(to.run_rate.day + line.run_rate.day);
}

std::map<Name, Adding> by_customer(const Sales& sales, Customer by) {
  std::map<Name, Adding> customers;
  for (const UsageItem& item : sales.now) {
    Adding& customer = customers[name_of(item, by)];
    customer.line.calls += item.calls;
    customer.line.tokens += item.tokens;
    customer.line.revenue += item.cost;
    const std::string model = group(item, "model");
    add(customer.models.try_emplace(model, ModelSales{.model = model}).first->second, item);
  }
  for (const UsageItem& item : sales.before) customers[name_of(item, by)].line.revenue_before += item.cost;
  for (const UsageItem& item : sales.last_day) customers[name_of(item, by)].line.run_rate.day += item.cost;
  for (auto& [name, customer] : customers) {
    customer.line.workspace = name.first;
    if (by == Customer::principal) customer.line.principal = name.second;
    if (by == Customer::key) customer.line.key = name.second;
    customer.line.run_rate = run_rate(customer.line.run_rate.day);
    customer.line.models = sorted(customer.models);
  }
  return customers;
}

// Calls that used no model bring nothing.
Result<std::vector<UsageItem>> sums(store::Reader& reader, Customer by, Time from, Time to) {
  QueryUsage request;
  request.from = from;
  request.to = to;
  request.workspace = std::string(kAllWorkspaces);
  request.group_by = {GroupBy::workspace, GroupBy::model};
  if (by == Customer::principal) request.group_by.push_back(GroupBy::principal);
  if (by == Customer::key) request.group_by.push_back(GroupBy::key);
  request.limit = kSumsMost;
  ACLOUD_TRY(UsagePage page, query(reader, request, ""));
  std::erase_if(page.items, [](const UsageItem& item) { return group(item, "model").empty(); });
  return std::move(page.items);
}

Result<std::vector<BudgetShare>> budgets_of(store::Reader& reader, const CustomerLine& line, Customer by,
                                            Time now) {
  const ledger::ScopeKind kinds[] = {ledger::ScopeKind::workspace, ledger::ScopeKind::principal,
                                     ledger::ScopeKind::key};
  ledger::Scope scope{.workspace = line.workspace, .kind = kinds[static_cast<std::size_t>(by)]};
  scope.id = line.key.value_or(line.principal.value_or(line.workspace));
  ACLOUD_TRY(const store::Rows rows,
             reader.query("SELECT id, limit_micro, limit_rest, period FROM budgets WHERE workspace = $1 AND "
                          "kind = $2 AND scope_id = $3 ORDER BY period LIMIT $4",
                          {scope.workspace, std::string(text_of(by)), scope.id, kBudgetsMost}));
  std::vector<BudgetShare> budgets;
  for (const store::Row& row : rows) {
    BudgetShare& budget = budgets.emplace_back();
    budget.id = row.text(0);
    budget.limit = Money::from_columns(row.integer(1), row.integer(2));
    for (const auto& [period, name] : enum_names(ledger::Period{})) {
      if (name == row.text(3)) budget.period = period;
    }
    ACLOUD_TRY(budget.spent,
               ledger::tables::spent_since(reader, scope, ledger::period_start(budget.period, now)));
    budget.share = budget.limit.is_zero() ? 1 : ratio(budget.spent, budget.limit);
  }
  return budgets;
}

}  // namespace

Overview overview_of(const Sales& sales, const OverviewOf& request) {
  Overview made;
  std::map<std::string, ModelSales> models;
  for (const UsageItem& item : sales.now) {
    const std::string model = group(item, "model");
    add(models.try_emplace(model, ModelSales{.model = model}).first->second, item);
  }
  made.models = sorted(models);
  for (auto& [name, customer] : by_customer(sales, request.by)) {
    add(made.total, customer.line);
    made.customers.push_back(std::move(customer.line));
  }
  std::ranges::sort(made.customers, [](const CustomerLine& a, const CustomerLine& b) {
    const auto name = [](const CustomerLine& line) {
      return std::tie(line.workspace, line.principal, line.key);
    };
    return a.revenue != b.revenue ? a.revenue > b.revenue : name(a) < name(b);
  });
  const auto kept = static_cast<std::size_t>(request.limit);
  for (std::size_t i = kept; i < made.customers.size(); ++i) add(made.others, made.customers[i]);
  if (made.customers.size() > kept) made.customers.resize(kept);
  for (CustomerLine& line : made.customers) line.share = ratio(line.revenue, made.total.revenue);
  return made;
}

Result<Overview> overview(store::Reader& reader, const OverviewOf& request, Time now,
                          const std::string& currency) {
  const Time hour = std::chrono::floor<std::chrono::hours>(now);
  Sales sales;
  ACLOUD_TRY(sales.now, sums(reader, request.by, *request.from, *request.to));
  ACLOUD_TRY(sales.before,
             sums(reader, request.by, *request.from - (*request.to - *request.from), *request.from));
  ACLOUD_TRY(sales.last_day, sums(reader, request.by, hour - std::chrono::hours(24), hour));
  Overview made = overview_of(sales, request);
  made.from = *request.from;
  made.to = *request.to;
  made.currency = currency;
  for (CustomerLine& line : made.customers) {
    ACLOUD_TRY(line.budgets, budgets_of(reader, line, request.by, now));
  }
  return made;
}

}  // namespace acloud::usage
