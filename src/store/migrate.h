// Brings a schema forward: the names of the steps that ran are kept in the table acloud_migrations.
#pragma once

#include <vector>

#include "store/connection.h"
#include "store/database.h"

namespace acloud::store {

// Runs the steps that are missing, in order, in one transaction in which no other opener takes part.
// Errors: precondition_failed (a step ran that `migrations` lacks), invalid_argument (a name given twice),
// internal (a step's SQL is wrong): nothing has changed then.
Result<> migrate(Connection& connection, const std::vector<Migration>& migrations);

}  // namespace acloud::store
