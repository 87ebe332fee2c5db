// SQLite's result codes as Errors.
#pragma once

#include <sqlite3.h>

#include <string_view>

#include "base/error.h"

namespace acloud::store::sqlite {

// The failure of the last call on `database`, as the contract of store::Reader has it.
std::unexpected<Error> fail_sqlite(sqlite3* database, std::string_view what);

}  // namespace acloud::store::sqlite
