// JSON values as SQLite has them, and back.
#pragma once

#include <sqlite3.h>

#include <optional>

#include "base/encoding.h"
#include "base/json.h"

namespace acloud::storage::sqlite {

// Column `i` of the row that the statement is at. Bytes become {"base64": ...}; a number that JSON has no
// form for becomes text.
Json to_json(sqlite3_stmt* statement, int i);

// Which value a placeholder takes, counted from 1: of SQLite's `index`-th, called `name` (null for ?).
// Nothing where it is not called by a number.
std::optional<std::size_t> place_of(const char* name, std::size_t index);

// Errors: invalid_argument (a list, another object), too_large.
Result<> bind_value(sqlite3_stmt* statement, int index, const Json& value);

}  // namespace acloud::storage::sqlite
