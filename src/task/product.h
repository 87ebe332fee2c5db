// Declares product `task`: the only header of this folder that knows the catalog from outside.
#pragma once

#include "kernel/catalog.h"
#include "task/task_service.h"

namespace acloud::task {

void declare(kernel::Catalog& catalog, TaskService& service);

}  // namespace acloud::task
