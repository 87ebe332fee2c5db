// An OCI runtime: the program that makes containers from bundles. Found and tried when the spawner starts,
// so that a server that was told to use one says at once whether it can.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace acloud::sandbox::jail {

struct Runtime {
  std::string name;     // as the configuration has it: "crun"
  std::string path;     // of its program
  std::string version;  // what it says of itself, in one line
  // What stands before the command: it leaves cgroups to us.
  std::vector<std::string> options;
};

// Errors: precondition_failed (there is none of that name, it does not run, or it is of a kind that can't
// be used here).
Result<Runtime> find_runtime(const std::string& name);

}  // namespace acloud::sandbox::jail
