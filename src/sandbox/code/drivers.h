// The programs that run cells inside a sandbox, one for each language, as they lie in the server's file.
#pragma once

#include <string>
#include <vector>

#include "sandbox/code/code_types.h"

namespace acloud::sandbox::code {

// The command that starts the driver of `language`, which then connects to `port` and says `token`.
std::vector<std::string> driver_command(Language language, int port, const std::string& token);

}  // namespace acloud::sandbox::code
