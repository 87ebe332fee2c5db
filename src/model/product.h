#pragma once

#include "kernel/catalog.h"
#include "model/model_service.h"

namespace acloud::model {

// Product `model`. `service` outlives the catalog.
void declare(kernel::Catalog& catalog, ModelService& service);

}  // namespace acloud::model
