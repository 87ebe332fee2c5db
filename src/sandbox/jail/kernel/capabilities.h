// Capabilities: a program of the jail gets at most kKept, good for the jail's own files and processes, since
// its user namespace owns nothing else.
//
// Kept is what package managers and servers expect of root. Not among them, of those that containers
// commonly keep: NET_RAW (raw sockets), MKNOD (device nodes), AUDIT_WRITE (netlink), SETPCAP and SETFCAP
// (of no use under no_new_privs).
#pragma once

#include <span>

#include "base/error.h"

namespace acloud::sandbox::jail {

// For a program, once it is in the inner namespace: nothing outside of kKept can ever be had again.
Result<> drop_to_kept();
// What is kept, by the names that OCI bundles use.
std::span<const char* const> kept_names();
// Of the calling process, all of them, for good. For init.
Result<> drop_all_capabilities();

}  // namespace acloud::sandbox::jail
