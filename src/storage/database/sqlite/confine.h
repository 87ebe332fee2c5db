// What a worker process gives up before it reads the first query, so that not even a fault in SQLite could
// reach further than the databases' folder.
#pragma once

#include <string>

#include "base/error.h"

namespace acloud::storage::sqlite {

// Memory, files' sizes, cores; no other file than those below `folder` (Landlock, where the kernel has it);
// no program, network or process (seccomp). Errors: internal.
Result<> confine(const std::string& folder);

}  // namespace acloud::storage::sqlite
