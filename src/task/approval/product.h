// Declares product `approval`.
#pragma once

#include "kernel/catalog.h"
#include "task/approval/approval_service.h"

namespace acloud::task::approval {

void declare(kernel::Catalog& catalog, ApprovalService& service);

}  // namespace acloud::task::approval
