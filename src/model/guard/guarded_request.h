// A request on its way through the guardrails.
#pragma once

#include "kernel/payload.h"
#include "model/guard/guard.h"

namespace acloud::model::guard {

// The payload that goes on in place of `payload`; nothing where that goes on as it came.
// Errors: permission_denied (is_blocked), too_large (also beyond what is looked through), invalid_argument.
Task<Result<std::optional<kernel::Payload>>> admit(const Guard& guard, const std::string& model,
                                                   const kernel::Payload& payload, Findings& findings);

}  // namespace acloud::model::guard
