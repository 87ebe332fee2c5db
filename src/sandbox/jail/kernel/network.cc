#include "sandbox/jail/kernel/network.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "sandbox/jail/kernel/syscalls.h"

namespace acloud::sandbox::jail {
namespace {

Result<> raise_loopback() {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno(errno, "cannot make a socket");
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0)
    return fail_errno(errno, "cannot raise the loopback device");
  return {};
}

}  // namespace

Result<Fd> make_network_namespace() {
  ACLOUD_TRY(const Fd own, open_file(AT_FDCWD, "/proc/self/ns/net", O_RDONLY));
  if (::unshare(CLONE_NEWNET) != 0) return fail_errno(errno, "cannot make a network namespace");
  const Result<> made = raise_loopback();
  Result<Fd> result =
      made ? open_file(AT_FDCWD, "/proc/self/ns/net", O_RDONLY) : std::unexpected(made.error());
  // Never stay in the jail's: the spawner's next work would happen there.
  if (::setns(own.get(), CLONE_NEWNET) != 0) std::abort();
  return result;
}

Result<> open_low_ports(int proc) { return write_file(proc, "sys/net/ipv4/ip_unprivileged_port_start", "0"); }

}  // namespace acloud::sandbox::jail
