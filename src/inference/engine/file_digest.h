// Which file a model was read from, told by its content.
#pragma once

#include <string>

#include "base/error.h"

namespace acloud::inference {

// The SHA-256 of the file, 32 bytes. Blocks: about half a second a GiB. Errors: not_found and the like.
Result<std::string> file_digest(const std::string& path);

}  // namespace acloud::inference
