// Declares product `queue`.
#pragma once

#include "kernel/catalog.h"
#include "storage/queue/queue_service.h"

namespace acloud::storage {

void declare(kernel::Catalog& catalog, QueueService& service);

}  // namespace acloud::storage
