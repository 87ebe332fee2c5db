#include "usage/product.h"

namespace acloud::usage {

void declare(kernel::Catalog& catalog, UsageService& service) {
  auto& usage = catalog.add("usage", "What was used, by whom, and what it cost.");
  usage.operation<ReceiptOf, Receipt>("receipt")
      .summary("Add up what a task used and what it cost.")
      .keywords("bill invoice spend spent money price expense charge tokens how much agent")
      .description(
          "Out of the records that each of its calls left: its agent's, and those of programs with its key.")
      .resource([](const ReceiptOf& request) { return "task/" + request.task; })
      .example("Of one task", R"({"task":"task_00c1d2e3f4a5b6c7d8e9"})")
      .handler(service, &UsageService::receipt);
  usage.operation<QueryUsage, UsagePage>("query")
      .summary("Add up what was used, by model, key, principal, task, operation or time.")
      .keywords("report spend cost per day month dashboard analytics statistics how much tokens calls who")
      .description("By the hour: `from` is taken down and `to` up to a whole one.")
      .example("This month's models by day", R"({"from":"2026-11-01T00:00:00Z","group_by":["day","model"]})")
      .handler(service, &UsageService::query);
  usage.operation<StatementOf, Statement>("statement")
      .summary("The workspace's bill for a month: tokens and money by model.")
      .keywords("invoice monthly billing total charge accounting")
      .example("Of November", R"({"month":"2026-11"})")
      .handler(service, &UsageService::statement);
  usage.operation<OverviewOf, Overview>("overview")
      .summary("The business: tokens and revenue by customer and model, run rate, budgets.")
      .keywords(
          "revenue sales customers top run rate margin report finance forecast growth share budget operator")
      .description(
          "For who answers for the whole cloud. A customer is a workspace, or a principal or a key of one. "
          "The run rate is what the last 24 whole hours brought, for a day, 30 and 365.")
      .operator_only()
      .example("The customers of this month", R"({"from":"2026-11-01T00:00:00Z"})")
      .example("By key", R"({"by":"key","limit":50})")
      .handler(service, &UsageService::overview);
  usage.operation<ExportUsage, Exported>("export")
      .summary("Every use of a model in a time, as CSV or as CloudEvents.")
      .keywords("download records rows spreadsheet openmeter ingest billing events")
      .description(
          "With Accept: application/octet-stream they stream as they are, however many. An event's id and "
          "source "
          "are the same whenever it is told, so it can be told again. A call is there once it has ended, "
          "under the "
          "time when it was let through.")
      .body_out("content")
      .example("As CSV", R"({"from":"2026-11-01T00:00:00Z","to":"2026-12-01T00:00:00Z"})")
      .example("As events", R"({"from":"2026-11-01T00:00:00Z","format":"cloudevents"})")
      .handler(service, &UsageService::export_uses);
  usage.operation<ListPrices, PriceList>("prices")
      .summary("What models cost, by the token.")
      .keywords("price list sheet tariff rates expensive cheapest model per million")
      .example("All of them", "{}")
      .handler(service, &UsageService::prices);
}

}  // namespace acloud::usage
