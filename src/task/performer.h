// Does a task's steps: each is a call down the call path, with the task as its caller, so that it is checked,
// paid for and audited like anyone's.
#pragma once

#include "kernel/call_path.h"
#include "task/tables.h"
#include "telemetry/span.h"

namespace acloud::task {

// What a task may do of what its owner may.
kernel::Grant grant_of(const RunTask& request, const std::vector<Tool>& tools, Time deadline);
// The operations that a task has which names none: the use of its own resources.
std::vector<std::string> default_tools(const RunTask& request);

class CallPerformer final : public Performer {
 public:
  static constexpr std::size_t kReplyMost = 16 << 20;  // bytes of a model's reply

  // All outlive the performer.
  CallPerformer(kernel::CallPath& path, Random& random, const Claimed& task, kernel::Grant grant);

  Task<Result<std::string>> perform(Step step) override;

 private:
  struct Key {
    std::string id, key;
  };
  kernel::Caller caller(bool as_owner) const;
  Task<Result<std::string>> call(std::string operation, Json arguments, bool as_owner,
                                 std::string idempotency_key, telemetry::Scope trace);
  Task<Result<std::string>> chat(Step step);
  // The task's own API key; made when it is first needed, the same one after a crash.
  Task<Result<Key>> key();
  std::string key_of(std::string_view step) const;

  kernel::CallPath& path_;
  Random& random_;
  const Claimed& task_;
  kernel::Grant grant_;
  telemetry::Scope trace_;
};

}  // namespace acloud::task
