// Declares product `trigger`.
#pragma once

#include "kernel/catalog.h"
#include "task/trigger/trigger_service.h"

namespace acloud::task::trigger {

void declare(kernel::Catalog& catalog, TriggerService& service);

}  // namespace acloud::task::trigger
