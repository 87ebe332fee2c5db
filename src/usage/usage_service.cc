#include "usage/usage_service.h"

namespace acloud::usage {
namespace {

using store::Rows;

constexpr std::int64_t kLinesMost = 1000;

// Adds up in two columns, as money is stored, without a sum that a column can't hold.
constexpr std::string_view kModels =
    "SELECT model, provider, COUNT(*), CAST(SUM(input_uncached) AS BIGINT), CAST(SUM(cache_read) AS BIGINT), "
    "CAST(SUM(cache_write_5m) AS BIGINT), CAST(SUM(cache_write_1h) AS BIGINT), CAST(SUM(output) AS BIGINT), "
    "CAST(SUM(reasoning) AS BIGINT), CAST(SUM(cost_micro) AS BIGINT), CAST(SUM(cost_rest / 1000000) AS "
    "BIGINT), "
    "CAST(SUM(cost_rest % 1000000) AS BIGINT), MIN(priced) "
    "FROM usage_calls WHERE workspace = $1 AND task = $2 GROUP BY model, provider ORDER BY model, provider "
    "LIMIT $3";
constexpr std::string_view kOperations =
    "SELECT operation, CAST(SUM(calls) AS BIGINT), CAST(SUM(CASE WHEN outcome = 'ok' THEN 0 ELSE calls END) "
    "AS BIGINT) "
    "FROM usage_totals WHERE workspace = $1 AND principal = $2 GROUP BY operation ORDER BY operation LIMIT "
    "$3";

ModelLine model_line(const store::Row& row) {
  using ledger::Money;
  const Money rest =
      Money::from_columns(0, 1'000'000) * row.integer(10) + Money::from_columns(0, 1) * row.integer(11);
  return {.model = row.text(0),
          .provider = row.text(1),
          .calls = row.integer(2),
          .tokens = {.input_uncached = row.integer(3),
                     .cache_read = row.integer(4),
                     .cache_write_5m = row.integer(5),
                     .cache_write_1h = row.integer(6),
                     .output = row.integer(7),
                     .reasoning = row.integer(8)},
          .cost = Money::from_columns(row.integer(9), 0) + rest,
          .priced = row.integer(12) != 0};
}

Result<Receipt> read_receipt(store::Reader& reader, const std::string& workspace, const std::string& task) {
  Receipt receipt{.task = task};
  ACLOUD_TRY(const Rows models, reader.query(kModels, {workspace, task, kLinesMost}));
  for (const store::Row& row : models) {
    const ModelLine& line = receipt.models.emplace_back(model_line(row));
    receipt.tokens += line.tokens;
    receipt.cost += line.cost;
  }
  ACLOUD_TRY(const Rows operations, reader.query(kOperations, {workspace, task, kLinesMost}));
  for (const store::Row& row : operations) {
    receipt.operations.push_back({row.text(0), row.integer(1), row.integer(2)});
    receipt.calls += row.integer(1);
  }
  if (models.empty() && operations.empty())
    return fail(ErrorCode::not_found, "no task {} has made a call; task.list shows the tasks", task);
  return receipt;
}

}  // namespace

std::vector<store::Migration> UsageService::migrations() {
  return {{"usage-receipt-1", "CREATE INDEX usage_totals_principal ON usage_totals (workspace, principal);"}};
}

Task<Result<Receipt>> UsageService::receipt(kernel::Context& context, ReceiptOf request) {
  // Else an id such as "root" would be read as a task's.
  if (!request.task.starts_with("task_"))
    co_return fail(ErrorCode::not_found, "no task {}; task.list shows them", request.task);
  co_return co_await context.read(
      [workspace = context.workspace(), task = request.task](store::Reader& reader) {
        return read_receipt(reader, workspace, task);
      });
}

}  // namespace acloud::usage
