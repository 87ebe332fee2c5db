// Declares product `sandbox`.
#pragma once

#include "kernel/catalog.h"
#include "sandbox/sandbox_service.h"

namespace acloud::sandbox {

void declare(kernel::Catalog& catalog, SandboxService& service);

}  // namespace acloud::sandbox
