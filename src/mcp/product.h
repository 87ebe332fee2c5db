// Declares product `mcp_server`, and keeps a product in the catalog for each outside server.
#pragma once

#include "kernel/catalog.h"
#include "mcp/servers.h"

namespace acloud::mcp {

// `changed` hears when a product's operations are others than before, on the servers' loop.
// REQUIRES: `catalog` and `servers` live until the servers were stopped.
void declare(kernel::Catalog& catalog, Servers& servers,
             std::function<void(const std::string& product)> changed);

}  // namespace acloud::mcp
