// Declares product `database`.
#pragma once

#include "kernel/catalog.h"
#include "storage/database/database_service.h"

namespace acloud::storage {

void declare(kernel::Catalog& catalog, DatabaseService& service);

}  // namespace acloud::storage
