// The part of product `sandbox` that is about images.
#pragma once

#include "kernel/catalog.h"
#include "sandbox/sandbox_service.h"

namespace acloud::sandbox {

void declare_images(kernel::Product& sandbox, SandboxService& service);

}  // namespace acloud::sandbox
