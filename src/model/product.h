#pragma once

#include "kernel/catalog.h"
#include "model/file_service.h"
#include "model/generation/generations.h"
#include "model/model_service.h"
#include "model/stored/route_service.h"

namespace acloud::model {

// Product `model`. The services outlive the catalog.
void declare(kernel::Catalog& catalog, ModelService& service, FileService& files, RouteService& routes,
             generation::Generations& generations);

}  // namespace acloud::model
