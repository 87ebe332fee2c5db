// Control groups: limits, accounting and freezing, on cgroup v2, on v1, or on a mixture, as the machine has
// them mounted. Every jail has one group of its own name in each hierarchy used, all below one parent that
// is named for the server's folder, so that a sweep finds what a crash left.
//
// In v2 each program gets a group of its own below the jail's, which init may make: killing that group ends
// the program with all that it started, in one step that nobody can run away from.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "sandbox/jail/fd.h"
#include "sandbox/jail/spec.h"

namespace acloud::sandbox::jail {

class Cgroups {
 public:
  // Finds out what is mounted here and writable, and makes the parent `name` there. Without rights on any
  // hierarchy, the result enforces nothing.
  static Cgroups find(const std::string& name);
  // The same hierarchies, for reading alone.
  static Cgroups find_for_reading(const std::string& name);

  enum class Version { none, v1, v2 };
  Version memory() const { return memory_.version; }
  Version cpu() const { return cpu_.version; }
  Version pids() const { return pids_.version; }
  Version freezer() const;
  bool kills_trees() const { return !unified_.empty(); }

  // Makes the groups of jail `id`, with its limits; `owner` may make groups below the one in v2.
  // On failure nothing is left. Errors: conflict (they are there); unavailable.
  Result<> make(const std::string& id, const Limits& limits, std::uint32_t owner) const;
  Result<> set_limits(const std::string& id, const Limits& limits) const;
  // The jail's folder in v2, if there is v2: for CLONE_INTO_CGROUP, and for init.
  Result<std::optional<Fd>> open_unified(const std::string& id) const;
  // Moves the calling process, which has one thread, into the groups of v1.
  Result<> enter_v1(const std::string& id) const;

  // Asks for it; is_frozen() says when it is done. On v2 `events` becomes ready (EPOLLPRI) with each change.
  Result<> freeze(const std::string& id, bool frozen) const;
  Result<bool> is_frozen(const std::string& id) const;
  Result<Fd> open_events(const std::string& id) const;

  // In v2: kills what is in the groups below the jail's own, which are its programs', frozen or not; and
  // whether anything lives there. Errors: precondition_failed (there is no v2); unavailable.
  Result<> kill_programs(const std::string& id) const;
  bool has_programs(const std::string& id) const;
  // Kills what may be in the groups, and removes them. Errors: unavailable (something is still dying).
  Result<> remove(const std::string& id) const;
  // Removes the parents where no jail has groups any more. find() makes them again.
  void remove_parents() const;
  // Names of jails that have groups.
  std::vector<std::string> list() const;
  // What can be read is filled in, except for the disk.
  void read_stats(const std::string& id, Stats& stats) const;

 private:
  // A controller's place: the parent folder in the hierarchy that has it.
  struct Controller {
    Version version = Version::none;
    std::string parent;
  };
  std::vector<std::string> parents() const;
  // `fresh`: into groups that were just made.
  Result<> write_limits(const std::string& id, const Limits& limits, bool fresh) const;

  std::string unified_;  // the parent in v2, or empty
  Controller memory_, cpu_, pids_, freezer_;
};

}  // namespace acloud::sandbox::jail
