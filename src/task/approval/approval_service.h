// What agents may not do before somebody has said yes.
//
// A call that a task's agent marks is a step of the task, as a wait is: begun in the journal, and ended by a
// signal that only approval.decide can send. So it costs nothing while it is open, and survives whatever the
// task survives. What is open is read out of the journals; there is no other record that could say otherwise.
#pragma once

#include <functional>

#include "kernel/call.h"
#include "task/approval/approval_types.h"

namespace acloud::task::approval {

// Which step an approval is of. As text: "apr_<task without its prefix>_<attempt>_<step>".
struct ApprovalId {
  std::string task;
  std::int64_t attempt = 0, step = 0;

  std::string text() const;
  static std::optional<ApprovalId> parse(std::string_view text);
};

class ApprovalService {
 public:
  // `wake`: a task is due. Thread-safe.
  explicit ApprovalService(std::function<void()> wake) : wake_(std::move(wake)) {}

  Task<Result<ApprovalList>> list(kernel::Context& context, ListApprovals request);
  // Errors: not_found; conflict where it was decided, or came too late; permission_denied for tasks, which
  // would approve of themselves.
  Task<Result<Decided>> decide(kernel::Context& context, Decide request);

 private:
  std::function<void()> wake_;
};

}  // namespace acloud::task::approval
