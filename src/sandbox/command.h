// What every program in a sandbox is started with.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/jail/spec.h"
#include "sandbox/record.h"

namespace acloud::sandbox {

// A command without its program: `env` beside the sandbox's own environment, and a folder.
jail::Command base_command(const Record& record, std::map<std::string, std::string> env, std::string cwd);
// That of a sandbox that was given none, and has no way out.
std::vector<std::pair<std::string, std::string>> plain_environment();

}  // namespace acloud::sandbox
