#include "sandbox/jail/kernel/landlock.h"

#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "sandbox/jail/fd.h"

namespace acloud::sandbox::jail {
namespace {

// The kernel headers of Debian 12 know version 2; later fields are appended, and named here.
struct Ruleset {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;  // from version 4
  std::uint64_t scoped;              // from version 6
};
constexpr std::uint64_t kScopeAbstractUnixSocket = 1;
constexpr std::uint64_t kScopeSignal = 2;

}  // namespace

int landlock_version() {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version < 0 ? 0 : static_cast<int>(version);
}

Result<> enter_landlock_domain() {
  const bool scopes = landlock_version() >= 6;
  Ruleset ruleset{};
  ruleset.handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK;
  if (scopes) ruleset.scoped = kScopeAbstractUnixSocket | kScopeSignal;
  const std::size_t size = scopes ? sizeof ruleset : sizeof ruleset.handled_access_fs;
  const Fd rules(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &ruleset, size, 0)));
  if (!rules) return fail_errno(errno, "cannot make a Landlock ruleset");
  if (::syscall(SYS_landlock_restrict_self, rules.get(), 0) != 0)
    return fail_errno(errno, "cannot enter Landlock");
  return {};
}

}  // namespace acloud::sandbox::jail
