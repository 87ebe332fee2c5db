// The catalog's operations as a model sees them: functions, with `_` for `.`.
#pragma once

#include <string>
#include <vector>

#include "base/schema.h"

namespace acloud::task {

struct Tool {
  std::string name;  // "sandbox_exec"; for the model
  std::string
      operation;  // "sandbox.exec"; the loop's own are "task.sleep", "task.wait_signal" and "task.wait"
  // Its `id` is the task's own sandbox: the model neither sees nor sets it.
  bool bound = false;
  OrderedJson parameters;  // JSON Schema
  std::string description;
};

// What the loop does itself, beside the catalog's operations: a task that waits costs nothing.
std::vector<Tool> own_tools();
bool is_own(const Tool& tool);

// Of `offered`, those whose operation any of `patterns` takes, in their order. `bind_sandbox`: the task has
// one sandbox, so operations on a sandbox are about that. Errors: invalid_argument: a pattern that takes
// none.
Result<std::vector<Tool>> choose_tools(const std::vector<Tool>& offered,
                                       const std::vector<std::string>& patterns, bool bind_sandbox);

// As kept with a task, so that it has the same tools under a later version.
std::string to_text(const std::vector<Tool>& tools);
Result<std::vector<Tool>> tools_from(std::string_view text);

// The list of functions for a model, in OpenAI's dialect.
OrderedJson functions_of(const std::vector<Tool>& tools);

}  // namespace acloud::task
