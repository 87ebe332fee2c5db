#include "usage/usage_service.h"

#include "usage/sums.h"

namespace acloud::usage {
namespace {

using store::Rows;

constexpr std::int64_t kLinesMost = 1000;

constexpr std::int64_t kExportMost = 8 << 20;  // bytes in a JSON reply
constexpr std::size_t kSumsOfModel = 4;
constexpr std::chrono::days kUnlessSaid{30};

constexpr std::string_view kOperations =
    "SELECT operation, CAST(SUM(calls) AS BIGINT), CAST(SUM(CASE WHEN outcome = 'ok' THEN 0 ELSE calls END) "
    "AS BIGINT) "
    "FROM usage_totals WHERE workspace = $1 AND principal = $2 GROUP BY operation ORDER BY operation LIMIT "
    "$3";

ModelLine model_line(const store::Row& row) {
  const Sums sums = sums_at(row, kSumsOfModel);
  return {.model = row.text(0),
          .provider = row.text(1),
          .calls = row.integer(2),
          .tokens = sums.tokens,
          .media = sums.media,
          .cost = sums.cost,
          .priced = row.integer(3) != 0};
}

// Who answers for the whole cloud may name a workspace that is not their own; for everyone else it does not
// exist.
Result<std::string> workspace_of(const kernel::Context& context, const std::optional<std::string>& named) {
  if (!named || *named == context.workspace()) return context.workspace();
  if (context.caller.is_operator && context.caller.grants.empty()) return *named;
  return fail(ErrorCode::not_found, "no workspace {}", *named);
}

// The time of a request, as the ledger's sums have it.
template <class Request>
Result<> to_whole_hours(Request& request, Time now) {
  using std::chrono::hours;
  request.to = std::chrono::ceil<hours>(request.to.value_or(now + std::chrono::microseconds(1)));
  request.from = std::chrono::floor<hours>(request.from.value_or(*request.to - kUnlessSaid));
  if (*request.from >= *request.to) return fail(ErrorCode::invalid_argument, "from: must be before `to`");
  return {};
}

Result<Receipt> read_receipt(store::Reader& reader, const std::string& workspace, const std::string& task) {
  Receipt receipt{.task = task};
  ACLOUD_TRY(
      const Rows models,
      reader.query(fmt::format("SELECT model, provider, COUNT(*), MIN(priced), {} FROM usage_calls WHERE "
                               "workspace = $1 AND task = $2 GROUP BY model, provider "
                               "ORDER BY model, provider LIMIT $3",
                               kSums),
                   {workspace, task, kLinesMost}));
  for (const store::Row& row : models) {
    const ModelLine& line = receipt.models.emplace_back(model_line(row));
    receipt.tokens += line.tokens;
    receipt.media += line.media;
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

Task<Result<UsagePage>> UsageService::query(kernel::Context& context, QueryUsage request) {
  ACLOUD_CO_TRY(request.workspace, workspace_of(context, request.workspace));
  ACLOUD_CO_CHECK(to_whole_hours(request, context.clock.now()));
  co_return co_await context.read([request, currency = currency_](store::Reader& reader) {
    return usage::query(reader, request, currency);
  });
}

Task<Result<Overview>> UsageService::overview(kernel::Context& context, OverviewOf request) {
  ACLOUD_CO_CHECK(to_whole_hours(request, context.clock.now()));
  co_return co_await context.read(
      [request, now = context.clock.now(), currency = currency_](store::Reader& reader) {
        return usage::overview(reader, request, now, currency);
      });
}

Task<Result<Statement>> UsageService::statement(kernel::Context& context, StatementOf request) {
  ACLOUD_CO_TRY(request.workspace, workspace_of(context, request.workspace));
  co_return co_await context.read(
      [request, now = context.clock.now(), currency = currency_](store::Reader& reader) {
        return usage::statement(reader, request, now, currency);
      });
}

Task<Result<Exported>> UsageService::export_uses(kernel::Context& context, ExportUsage request) {
  ACLOUD_CO_TRY(std::string workspace, workspace_of(context, request.workspace));
  net::Body body(
      std::make_unique<UseStream>(database_, UseStream::What{.workspace = std::move(workspace),
                                                             .from = request.from,
                                                             .to = request.to.value_or(context.clock.now()),
                                                             .format = request.format,
                                                             .currency = currency_}));
  if (context.wants_bytes()) {
    context.reply_with_bytes(std::move(body),
                             {{"content-type", std::string(content_type_of(request.format))}});
    co_return Exported();
  }
  auto content = co_await body.read_all(kExportMost);
  if (!content && content.error().code() == ErrorCode::too_large) {
    co_return fail(
        ErrorCode::too_large,
        "there are too many uses for a JSON reply, which has {} bytes at most; ask for a shorter time, or "
        "with Accept: application/octet-stream",
        kExportMost);
  }
  if (!content) co_return std::unexpected(std::move(content).error());
  co_return Exported{*std::move(content)};
}

Task<Result<PriceList>> UsageService::prices(kernel::Context&, ListPrices request) {
  co_return price_list(prices_, request, currency_);
}

}  // namespace acloud::usage
