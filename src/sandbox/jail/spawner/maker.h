// Makes jails for the spawner in a process of its own, and frees what is left of them. Whoever makes or frees
// a disk, a network or a cgroup sleeps in the kernel until all processors have noticed it (RCU), for
// milliseconds and on a busy machine for tens of them: the spawner would have everybody else wait with it,
// and could do one of them at a time.
//
// Orders come over a socket, one after the other, and are answered in their order: Stock and Bury by nothing,
// Make by Made or Failure. It is a fork of the spawner and ends with it, when it has carried them out.
#pragma once

#include <string>

#include "sandbox/jail/fd.h"
#include "sandbox/jail/kernel/disk.h"
#include "sandbox/jail/spawner/build.h"

namespace acloud::sandbox::jail {

// `folder` is the spawner's. An init that it makes is a child of the spawner, not its own.
[[noreturn]] void run_maker(const Common& common, Disks disks, const std::string& folder, Fd spawner);

}  // namespace acloud::sandbox::jail
