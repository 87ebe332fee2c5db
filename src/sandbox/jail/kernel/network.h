// Network namespaces: empty but for a loopback device that is up, with no route to anywhere. Making one
// costs about 0.6 ms, so they are made ahead; one that was used is never used again, so nothing can be left
// in it.
#pragma once

#include "base/error.h"
#include "sandbox/jail/fd.h"

namespace acloud::sandbox::jail {

// REQUIRES: one thread, root's rights in the outer user namespace. Leaves the caller where it was.
Result<Fd> make_network_namespace();

// Lets programs and init bind ports below 1024 in the namespace that the caller is in, which is not the inner
// user namespace's, so that no capability helps. `proc` is open on a /proc, best the jail's own: in one that
// all share, the kernel looks at the entries of every network there is.
Result<> open_low_ports(int proc);

}  // namespace acloud::sandbox::jail
