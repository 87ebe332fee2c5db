// Makes a jail by an OCI runtime: the other way beside build.h. Root, network, limits, users and init are the
// same; namespaces, mounts of /dev and /proc, and the last step into them are the runtime's.
//
// The container's process 1 is our own init, in whose standard input it finds what a forked one has from the
// start. So programs start, stream, end and are found again as in a jail, without the runtime. What there is
// of a container by name lies in the jail's folder (the runtime's state too) and its cgroups.
#pragma once

#include "base/error.h"
#include "sandbox/jail/fd.h"
#include "sandbox/jail/oci/runtime.h"
#include "sandbox/jail/spawner/build.h"

namespace acloud::sandbox::jail {

// Puts this very program where containers can be given it, in the spawner's folder.
Result<> install_init(const std::string& folder);

struct ContainerPlace {
  std::string init;    // as install_init() left it
  std::string folder;  // the jail's own
};
constexpr const char* kInstalledInit = "container-init";

// In the child, in a mount namespace of its own. Ends when init serves, having written "ok" to `verdict`; or
// writes a Failure to it.
[[noreturn]] void build_container(const Common& common, const Spec& spec, const ContainerPlace& place,
                                  Parts parts, Fd verdict);

}  // namespace acloud::sandbox::jail
