#pragma once

#include "store/database.h"

namespace acloud::store::postgres {

// The database at options.url. Errors: as store::open.
Result<std::unique_ptr<Database>> open(const OpenOptions& options, const std::vector<Migration>& migrations);

}  // namespace acloud::store::postgres
