// Which programs belong together, and how to end all that one has started.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "sandbox/jail/fd.h"

namespace acloud::sandbox::jail {

// Groups of cgroup v2 for programs, below the jail's. One is kept ready, since making one takes longer than
// the rest of starting a program. Without v2 everything here does nothing, and end_family() is what is left.
class ProgramGroups {
 public:
  explicit ProgramGroups(std::optional<Fd> jail) : jail_(std::move(jail)) {}

  // Makes the next group, unless it is there. Where that fails, take() tries again.
  void prepare();
  // False where prepare() would have something to do.
  bool ready() const { return !jail_ || tried_ || !ready_.empty(); }
  // The name and folder of the next group; the name is empty where there is none.
  std::string take(Fd& folder);
  // True where all in it has been killed; false where there is no such thing here.
  bool kill(const std::string& name) const;
  // False while something is still in it.
  bool remove(const std::string& name) const;

 private:
  std::optional<Fd> jail_;
  std::uint64_t serial_ = 0;
  std::string ready_;
  bool tried_ = false;  // in vain
};

// Kills `root`, what descends from it, and what shares its session. What had left the session and lost its
// parent before is not found. REQUIRES: `root` is not reaped.
void end_family(int proc, pid_t root);

}  // namespace acloud::sandbox::jail
