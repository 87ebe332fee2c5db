// PostgreSQL's SQLSTATEs as Errors.
#pragma once

#include <libpq-fe.h>

#include <string>
#include <string_view>

#include "base/error.h"

namespace acloud::store::postgres {

// REQUIRES: `result` is a failure. As the contract of store::Reader has it.
Error error_of(const PGresult* result, std::string_view what);

// True where the transaction was refused because another one went first: 40001 and 40P01.
bool is_race(const PGresult* result);

// A lost connection, with libpq's own words.
Error lost(const PGconn* connection, std::string_view what);

}  // namespace acloud::store::postgres
