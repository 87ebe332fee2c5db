// What a jail is made of and the kernel takes long to make: a uid range with its user namespace, a network
// namespace and a disk.
#pragma once

#include "base/error.h"
#include "sandbox/jail/fd.h"
#include "sandbox/jail/kernel/disk.h"
#include "sandbox/jail/kernel/users.h"
#include "sandbox/jail/spawner/build.h"

namespace acloud::sandbox::jail {

struct Prepared {
  Users users;
  Fd user_namespace, network_namespace, disk;
};

// With a disk of the usual size. Takes milliseconds, most of them waiting. Errors: unavailable.
Result<Prepared> prepare(const Common& common, Disks& disks, std::uint32_t slot);

// True where the disk is as prepare() makes it.
bool has_usual_disk(const Limits& limits);

}  // namespace acloud::sandbox::jail
