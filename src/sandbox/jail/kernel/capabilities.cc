#include "sandbox/jail/kernel/capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstdint>

namespace acloud::sandbox::jail {
namespace {

constexpr std::uint64_t bit(int capability) { return std::uint64_t{1} << capability; }

constexpr std::uint64_t kKept = bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) | bit(CAP_FOWNER) | bit(CAP_FSETID) |
                                bit(CAP_KILL) | bit(CAP_SETGID) | bit(CAP_SETUID) |
                                bit(CAP_NET_BIND_SERVICE) | bit(CAP_SYS_CHROOT);

constexpr std::array kKeptNames{"CAP_CHOWN",     "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID",
                                "CAP_KILL",      "CAP_SETGID",       "CAP_SETUID", "CAP_NET_BIND_SERVICE",
                                "CAP_SYS_CHROOT"};
static_assert(std::popcount(kKept) == kKeptNames.size());

Result<> limit_to(std::uint64_t kept) {
  for (int capability = 0; capability < 64; ++capability) {
    if (kept & bit(capability)) continue;
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    // Dropped before, perhaps by one who could: dropping it again would need CAP_SETPCAP.
    const int number = errno, held = ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
    if (held < 0) break;  // beyond the last that this kernel has
    if (held == 0) continue;
    return fail_errno(number, "cannot drop a capability");
  }
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  for (std::size_t half = 0; half < data.size(); ++half) {
    data[half].effective = data[half].permitted = static_cast<std::uint32_t>(kept >> (32 * half));
  }
  if (::syscall(SYS_capset, &header, data.data()) != 0) return fail_errno(errno, "cannot set capabilities");
  return {};
}

}  // namespace

std::span<const char* const> kept_names() { return kKeptNames; }
Result<> drop_to_kept() { return limit_to(kKept); }
Result<> drop_all_capabilities() { return limit_to(0); }

}  // namespace acloud::sandbox::jail
