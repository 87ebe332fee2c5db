// Declares product `batch`. The services outlive the catalog.
#pragma once

#include "batch/batch_service.h"
#include "batch/file_service.h"
#include "kernel/catalog.h"

namespace acloud::batch {

void declare(kernel::Catalog& catalog, FileService& files, BatchService& batches);

}  // namespace acloud::batch
