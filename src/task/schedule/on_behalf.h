// Calls made for somebody who is not there: by what runs tasks at a time or for an event, with the rights
// that its maker had.
#pragma once

#include <functional>

#include "kernel/call_path.h"

namespace acloud::task::schedule {

class OnBehalf {
 public:
  // Does this API key still work?
  using KeyWorks = std::function<Task<Result<bool>>(std::string)>;

  OnBehalf(Random& random, KeyWorks key_works) : random_(random), key_works_(std::move(key_works)) {}
  // REQUIRES: before the first call. The path outlives it.
  void connect(kernel::CallPath& path) { path_ = &path; }

  // The reply as JSON, once it is on disk. Errors: of the operation; deadline_exceeded after a minute.
  Task<Result<std::string>> call(const kernel::Caller& caller, std::string operation, Json arguments,
                                 bool dry_run, std::string idempotency_key);
  // Why nothing can be done for `caller`; "" where it can.
  Task<std::string> refusal(const kernel::Caller& caller);

 private:
  Random& random_;
  KeyWorks key_works_;
  kernel::CallPath* path_ = nullptr;
};

// As a column of text.
std::string grants_text(const std::vector<kernel::Grant>& grants);
Result<std::vector<kernel::Grant>> grants_from(const std::string& text);

}  // namespace acloud::task::schedule
