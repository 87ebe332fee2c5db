// The work of product `usage`: what was used, and what it cost, out of the ledger's tables.
#pragma once

#include "kernel/call.h"
#include "usage/overview.h"
#include "usage/price_list.h"
#include "usage/query.h"
#include "usage/statement.h"
#include "usage/uses.h"

namespace acloud::usage {

struct ReceiptOf {
  std::string task;
  static constexpr auto schema =
      fields(field("task", &ReceiptOf::task, "The id of a task.", required, length(1, 64)));
};

struct OperationLine {
  std::string operation;
  std::int64_t calls = 0, failed = 0;
  static constexpr auto schema = fields(field("operation", &OperationLine::operation, "What was called."),
                                        field("calls", &OperationLine::calls, "How often."),
                                        field("failed", &OperationLine::failed, "How many of these failed."));
};

struct ModelLine {
  std::string model, provider;
  std::int64_t calls = 0;
  ledger::Tokens tokens;
  ledger::Media media;
  ledger::Money cost;
  bool priced = true;
  static constexpr auto schema = fields(
      field("model", &ModelLine::model, "As it was named."),
      field("provider", &ModelLine::provider, "Who did the work; empty for this server itself."),
      field("calls", &ModelLine::calls, "Uses of it."), field("tokens", &ModelLine::tokens, "What was used."),
      field("media", &ModelLine::media, "What was made that is not counted in tokens."),
      field("cost", &ModelLine::cost, "What that costs."),
      field("priced", &ModelLine::priced, "False where the model has no price: what it cost is not known."));
};

struct Receipt {
  std::string task;
  std::vector<ModelLine> models;
  std::vector<OperationLine> operations;
  std::int64_t calls = 0;
  ledger::Tokens tokens;
  ledger::Media media;
  ledger::Money cost;
  static constexpr auto schema = fields(
      field("task", &Receipt::task, "Whose it is."), field("models", &Receipt::models, "Uses of models."),
      field(
          "operations", &Receipt::operations,
          "Calls of all operations; those that only read are counted a second or two after they were made."),
      field("calls", &Receipt::calls, "The calls together."),
      field("tokens", &Receipt::tokens, "Tokens together."),
      field("media", &Receipt::media, "Video and images together."),
      field("cost", &Receipt::cost, "Money together, in the currency of the operator's prices."));
};

class UsageService {
 public:
  // `currency`: of the operator's prices. REQUIRES: `database` and `prices` outlive it and what is exported.
  UsageService(store::Database& database, const ledger::PriceBook& prices, std::string currency)
      : database_(database), prices_(prices), currency_(std::move(currency)) {}

  static std::vector<store::Migration> migrations();
  // Errors: not_found: nothing is known of such a task.
  Task<Result<Receipt>> receipt(kernel::Context& context, ReceiptOf request);
  // Errors of these: not_found: a workspace that the caller may not name. Of query(): as usage::query.
  Task<Result<UsagePage>> query(kernel::Context& context, QueryUsage request);
  // The operator's. Errors: as usage::overview; invalid_argument (the time).
  Task<Result<Overview>> overview(kernel::Context& context, OverviewOf request);
  Task<Result<Statement>> statement(kernel::Context& context, StatementOf request);
  // Errors: too_large as JSON.
  Task<Result<Exported>> export_uses(kernel::Context& context, ExportUsage request);
  // Errors: as price_list.
  Task<Result<PriceList>> prices(kernel::Context& context, ListPrices request);

 private:
  store::Database& database_;
  const ledger::PriceBook& prices_;
  std::string currency_;
};

}  // namespace acloud::usage
