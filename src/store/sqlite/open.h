#pragma once

#include "store/database.h"

namespace acloud::store::sqlite {

// acloud.db in options.data_folder. Errors: as store::open.
Result<std::unique_ptr<Database>> open(const OpenOptions& options, const std::vector<Migration>& migrations);

}  // namespace acloud::store::sqlite
