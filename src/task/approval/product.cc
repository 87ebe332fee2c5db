#include "task/approval/product.h"

namespace acloud::task::approval {

using kernel::Effect;

void declare(kernel::Catalog& catalog, ApprovalService& service) {
  auto& approval = catalog.add("approval", "What agents may do only once somebody has said yes.");
  approval.operation<ListApprovals, ApprovalList>("list")
      .summary("List the calls of agents that wait for somebody's approval.")
      .keywords("show pending requests permission consent confirm review waiting which human")
      .example("The first page", "{}")
      .handler(service, &ApprovalService::list);
  approval.operation<Decide, Decided>("decide")
      .summary("Approve or deny a call that an agent wants to make.")
      .description(
          "Approved, the call is made with exactly the arguments that approval.list shows; denied, the agent "
          "is "
          "told so, with the reason, and goes on without. A task can't decide for itself or for other tasks.")
      .keywords("allow permit accept confirm reject refuse deny yes no answer permission request human")
      .effect(Effect::write)
      .resource([](const Decide& request) {
        const auto id = ApprovalId::parse(request.id);
        return id ? "task/" + id->task : std::string("task/");
      })
      .example("Yes", R"({"id":"apr_00c1d2e3f4a5b6c7d8e9_1_4","approve":true})")
      .example("No", R"({"id":"apr_00c1d2e3f4a5b6c7d8e9_1_4","approve":false,"reason":"not on a Friday"})")
      .handler(service, &ApprovalService::decide);
}

}  // namespace acloud::task::approval
