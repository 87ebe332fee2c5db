// Landlock: a second wall behind namespaces and seccomp. Init puts itself and all that it starts into one
// domain, in which nobody can mount, make device nodes, trace or signal what is outside of the domain, or
// reach abstract unix sockets outside of it.
#pragma once

#include "base/error.h"

namespace acloud::sandbox::jail {

// The version of the interface that the kernel has; 0 where it has none.
int landlock_version();
// REQUIRES: no_new_privs is set, landlock_version() > 0. For the calling thread and its children.
Result<> enter_landlock_domain();

}  // namespace acloud::sandbox::jail
