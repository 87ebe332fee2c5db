// Makes a jail: what one forked copy of the spawner does on its way to becoming the jail's init.
#pragma once

#include "base/error.h"
#include "sandbox/jail/fd.h"
#include "sandbox/jail/kernel/cgroup.h"
#include "sandbox/jail/kernel/root.h"
#include "sandbox/jail/kernel/seccomp.h"
#include "sandbox/jail/kernel/users.h"
#include "sandbox/jail/oci/runtime.h"
#include "sandbox/jail/spec.h"

namespace acloud::sandbox::jail {

// What every jail of this spawner has in common.
struct Common {
  Workshop workshop;
  Cgroups cgroups;
  Filters filters;
  bool privileged = true;
  std::uint32_t user = 0;  // the host's number for the spawner's user
  bool landlock = false;
  std::optional<Runtime> runtime;  // makes containers; without one jails are our own work
};

// The host's number for root inside.
inline std::uint32_t first_id(const Common& common, const Users& users) {
  return common.privileged ? users.first : common.user;
}

// What one jail is made of.
struct Parts {
  Users users;
  std::string group;  // its cgroups' name
  Fd user_namespace, network_namespace, disk;
  Fd listener;  // bound, not listening: whoever listens is whom the kernel names to those who connect
  Fd control;
};

// In the child, process 1 of new pid, mount, ipc and uts namespaces. Becomes init, tells the server (Hello)
// and writes "ok" to `verdict`; or writes a Failure to it and exits.
[[noreturn]] void build_jail(const Common& common, const Spec& spec, Parts parts, Fd verdict);

}  // namespace acloud::sandbox::jail
