// The root of a jail: an overlay of the image's layers and its own disk, with /usr, /dev, /proc and the
// binds on it, and nothing of the host's tree reachable from it.
//
// What an image or a bind's target holds is hostile: every path in the new root is resolved by the kernel
// with RESOLVE_IN_ROOT and without links of /proc, so a layer whose /usr is a link to ../.. only harms
// itself.
#pragma once

#include <span>
#include <string>

#include "base/error.h"
#include "sandbox/jail/fd.h"
#include "sandbox/jail/kernel/users.h"
#include "sandbox/jail/spec.h"

namespace acloud::sandbox::jail {

// The folders that every build uses as mount points, each in its own mount namespace, below `folder`.
struct Workshop {
  std::string folder;    // has 0 to 64 for layers, upper, root
  std::string skeleton;  // the lowest layer
  std::string devices;   // where make_devices() mounted
  bool privileged = true;
};
// Makes the folders. `folder` may exist.
Result<Workshop> make_workshop(const std::string& folder, bool privileged);

struct RootParts {
  int disk = -1;            // from Disks::make
  int user_namespace = -1;  // the inner one
  Users users;
};

// The root as a tree of mounts in the calling process's own mount namespace, for a container's runtime to
// enter: without /dev and /proc, which the runtime mounts.
struct Built {
  Fd root;     // O_PATH
  Fd written;  // O_PATH: the overlay's upper folder
};
Result<Built> build_root(const Workshop& workshop, const Spec& spec, const RootParts& parts);
// What of /proc is covered, by its names there.
std::span<const char* const> masked_in_proc();

struct Entered {
  Fd proc;     // a mount of the jail's /proc that is attached nowhere and may be written, for init
  Fd written;  // O_PATH: the overlay's upper folder
};
// Builds the root in the calling process's own mount namespace, and makes it its root and current folder.
// REQUIRES: own mount and pid namespaces, in which this is process 1.
Result<Entered> enter_root(const Workshop& workshop, const Spec& spec, const RootParts& parts);

// While one lives, this process touches files as this user, with all of the rights that it has otherwise.
class ActAs {
 public:
  ActAs(std::uint32_t user, std::uint32_t group);
  ~ActAs();
  ActAs(const ActAs&) = delete;
  ActAs& operator=(const ActAs&) = delete;

 private:
  int user_, group_;
};

}  // namespace acloud::sandbox::jail
