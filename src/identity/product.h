// Declares products `workspace` and `key`.
#pragma once

#include "identity/identity_service.h"
#include "kernel/catalog.h"

namespace acloud::identity {

void declare(kernel::Catalog& catalog, IdentityService& service);

}  // namespace acloud::identity
