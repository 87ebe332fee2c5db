// Declares product `object`.
#pragma once

#include "kernel/catalog.h"
#include "storage/object/object_service.h"

namespace acloud::storage {

void declare(kernel::Catalog& catalog, ObjectService& service);

}  // namespace acloud::storage
