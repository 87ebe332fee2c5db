// Thin names for the kernel's mount interface of descriptors: a mount is made, given its properties, and
// attached only when it is as it must be, so there is no moment at which it is open for too much.
#pragma once

#include <sys/mount.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "base/error.h"
#include "sandbox/jail/fd.h"

namespace acloud::sandbox::jail {

struct Option {
  std::string name;
  std::string value;  // empty: a flag
};

// A new file system instance, attached nowhere.
Result<Fd> make_mount(const std::string& type, std::initializer_list<Option> options,
                      std::uint64_t attributes);
// A copy of the mount at `path`, with those below it if `recursive`, attached nowhere and receiving nothing
// from where it came. Errors: not_found.
Result<Fd> clone_mount(int folder, const std::string& path, bool recursive);
// Sets MOUNT_ATTR_* on a mount.
Result<> set_attributes(int mount, std::uint64_t attributes, bool recursive);
// Shows files with the ids that they have inside the user namespace. On the one mount, not on those below.
Result<> map_ids(int mount, int user_namespace);
// Attaches `mount` on the file or folder that `target` is open on.
Result<> attach_mount(int mount, int target);
Result<> attach_mount(int mount, int folder, const std::string& path);

}  // namespace acloud::sandbox::jail
