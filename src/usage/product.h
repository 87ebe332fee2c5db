// Declares product `usage`.
#pragma once

#include "kernel/catalog.h"
#include "usage/usage_service.h"

namespace acloud::usage {

void declare(kernel::Catalog& catalog, UsageService& service);

}  // namespace acloud::usage
