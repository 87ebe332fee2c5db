// The OpenAPI 3.1 description of the REST surface, made from the catalog.
#pragma once

#include "kernel/catalog.h"

namespace acloud::surfaces {

OrderedJson openapi(const kernel::Catalog& catalog, std::string_view version);

}  // namespace acloud::surfaces
