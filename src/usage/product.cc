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
}

}  // namespace acloud::usage
