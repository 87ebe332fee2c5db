// Declares products `workspace` and `key`.
#pragma once

#include "identity/identity_service.h"
#include "identity/sign_up.h"
#include "kernel/catalog.h"

namespace acloud::identity {

// workspace.sign_up is left out where it is not enabled.
void declare(kernel::Catalog& catalog, IdentityService& service, SignUpService& sign_ups);

}  // namespace acloud::identity
