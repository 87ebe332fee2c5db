#include "sandbox/jail/kernel/users.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "sandbox/jail/kernel/syscalls.h"

namespace acloud::sandbox::jail {
namespace {

Result<> write_map(const std::string& process, const Users& users) {
  const std::string map = fmt::format("0 {} {}", users.first, users.count);
  ACLOUD_CHECK(write_file(AT_FDCWD, process + "/gid_map", map));
  return write_file(AT_FDCWD, process + "/uid_map", map);
}

// Runs in a child that shares the descriptors of the caller, and whose user namespace is the result.
// Steps with the parent by one byte each way. Returns the exit status.
int be_first_inside(const Users& users, bool privileged, int to_parent, int from_parent) {
  char go = 0;
  if (privileged && (::syscall(SYS_setresgid, users.init, users.init, users.init) != 0 ||
                     ::syscall(SYS_setresuid, users.init, users.init, users.init) != 0)) {
    return 1;
  }
  if (::unshare(CLONE_NEWUSER) != 0) return 2;
  if (!privileged && !write_map("/proc/self", users)) return 3;
  if (::write(to_parent, "r", 1) != 1 || ::read(from_parent, &go, 1) != 1) return 4;
  // Every other kind takes a capability that nobody inside has, and only a new user namespace would give.
  // This one file, since opening it is looked for among those of all other user namespaces: the others cost
  // as much each.
  if (!write_file(AT_FDCWD, "/proc/sys/user/max_user_namespaces", "0")) return 5;
  return ::write(to_parent, "d", 1) == 1 && ::read(from_parent, &go, 1) == 1 ? 0 : 6;
}

struct Helper {
  Fd say, hear;
  pid_t pid = -1;
  ~Helper() {
    say.reset();
    hear.reset();
    if (pid > 0) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
  }
  bool step() {
    char byte = 0;
    return ::read(hear.get(), &byte, 1) == 1;
  }
  bool go() { return ::write(say.get(), "g", 1) == 1; }
};

}  // namespace

Users users_of_slot(std::uint32_t slot) {
  const std::uint32_t first = kFirstJailId + slot * kIdsPerJail;
  return {first, kIdsPerJail - 1, first + kIdsPerJail - 1};
}

Result<Fd> make_inner_namespace(const Users& users, bool privileged) {
  std::array<int, 2> up{}, down{};
  if (::pipe2(up.data(), O_CLOEXEC) != 0) return fail_errno(errno, "cannot make a pipe");
  Fd up_read(up[0]), up_write(up[1]);
  if (::pipe2(down.data(), O_CLOEXEC) != 0) return fail_errno(errno, "cannot make a pipe");
  Fd down_read(down[0]), down_write(down[1]);

  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno(errno, "cannot start a helper for the user namespace");
  if (pid == 0) {
    up_read.reset();
    down_write.reset();
    ::_exit(be_first_inside(users, privileged, up_write.get(), down_read.get()));
  }
  Helper helper{std::move(down_write), std::move(up_read), pid};
  up_write.reset();  // so that the helper's death is seen
  const std::string process = fmt::format("/proc/{}", pid);
  if (!helper.step()) return fail(ErrorCode::unavailable, "cannot make a user namespace");
  if (privileged) ACLOUD_CHECK(write_map(process, users));
  if (!helper.go() || !helper.step()) return fail(ErrorCode::unavailable, "cannot prepare a user namespace");
  return open_file(AT_FDCWD, process + "/ns/user", O_RDONLY);
}

Result<> enter_outer_namespace() {
  const auto user = ::geteuid();
  const auto group = ::getegid();
  if (::unshare(CLONE_NEWUSER) != 0) {
    return fail(ErrorCode::precondition_failed,
                "user namespaces are not open to this user ({}): run the server as root, or allow them "
                "(sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns)",
                ::strerror(errno));
  }
  ACLOUD_CHECK(write_file(AT_FDCWD, "/proc/self/setgroups", "deny"));
  ACLOUD_CHECK(write_file(AT_FDCWD, "/proc/self/gid_map", fmt::format("0 {} 1", group)));
  return write_file(AT_FDCWD, "/proc/self/uid_map", fmt::format("0 {} 1", user));
}

}  // namespace acloud::sandbox::jail
