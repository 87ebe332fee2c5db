// The requests and replies of product `approval`.
#pragma once

#include "base/schema.h"
#include "kernel/page.h"

namespace acloud::task::approval {

struct ListApprovals {
  std::optional<std::string> task;
  std::int64_t limit = kernel::kPageDefault;
  std::optional<std::string> cursor;
  static constexpr auto schema =
      fields(field("task", &ListApprovals::task, "Only those of this task.", length(1, 64)),
             field("limit", &ListApprovals::limit, "Items on a page.", between(1, kernel::kPageMost)),
             field("cursor", &ListApprovals::cursor, "next_cursor of the page before."));
};

struct Approval {
  std::string id, task, goal, operation;
  Json arguments;
  Time asked{}, expires{};
  static constexpr auto schema =
      fields(field("id", &Approval::id, "For approval.decide."),
             field("task", &Approval::task, "The task that waits."),
             field("goal", &Approval::goal, "What that task is for."),
             field("operation", &Approval::operation, "What its agent wants to call."),
             field("arguments", &Approval::arguments, "With these arguments, and no others."),
             field("asked", &Approval::asked, "When it was asked for."),
             field("expires", &Approval::expires, "When it is denied by itself."));
};

struct ApprovalList {
  std::vector<Approval> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema = fields(
      field("items", &ApprovalList::items, "What waits for a decision, by id."),
      field("next_cursor", &ApprovalList::next_cursor, "Where the next page begins; absent on the last."));
};

struct Decide {
  std::string id;
  bool approve = false;
  std::string reason;
  static constexpr auto schema =
      fields(field("id", &Decide::id, "Of approval.list.", required, length(1, 128)),
             field("approve", &Decide::approve, "Whether the call is made.", required),
             field("reason", &Decide::reason, "Why; the agent is told where it is denied.", length(0, 2000)));
};

struct Decided {
  std::string id, task;
  bool approve = false;
  static constexpr auto schema = fields(field("id", &Decided::id, "What was decided."),
                                        field("task", &Decided::task, "The task, which goes on."),
                                        field("approve", &Decided::approve, "As it was decided."));
};

}  // namespace acloud::task::approval
