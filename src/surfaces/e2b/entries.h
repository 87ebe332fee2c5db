// Files as filesystem.Filesystem describes them.
#pragma once

#include <string>

#include "base/json.h"

namespace acloud::surfaces::e2b {

// What `stat -c` shall print for entry_from_stat: type and mode, size, change, owner and group.
inline constexpr const char* kStatFormat = "%f %s %Y %U %G";
// Errors: internal, where `line` is not of that form.
Result<Json> entry_from_stat(const std::string& path, const std::string& line);
// From an item of sandbox.list_files.
Json entry_from_info(const Json& info);

}  // namespace acloud::surfaces::e2b
