// Declares product `schedule`.
#pragma once

#include "kernel/catalog.h"
#include "task/schedule/schedule_service.h"

namespace acloud::task::schedule {

void declare(kernel::Catalog& catalog, ScheduleService& service);

}  // namespace acloud::task::schedule
