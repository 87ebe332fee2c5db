// A container's bundle: what config.json says of it. Pure text: the same limits, capabilities and covered
// files as a jail of our own has.
#pragma once

#include <string>

#include "sandbox/jail/kernel/users.h"
#include "sandbox/jail/spec.h"

namespace acloud::sandbox::jail {

struct BundlePaths {
  std::string root;  // the tree of mounts that becomes the container's
  std::string init;  // our own program, for the container's process 1
};
constexpr const char* kInitInside = "/dev/.init";

std::string bundle_config(const Spec& spec, const Users& users, const BundlePaths& paths);

}  // namespace acloud::sandbox::jail
