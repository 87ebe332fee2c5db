// The spawner's program, which the build puts into the server's own file: nothing to install beside it, and
// no other version of it to be found.
#pragma once

#include <span>

namespace acloud::sandbox::jail {

std::span<const char> embedded_spawner();

}  // namespace acloud::sandbox::jail
