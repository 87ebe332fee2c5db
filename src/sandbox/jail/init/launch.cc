#include "sandbox/jail/init/launch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "sandbox/jail/kernel/capabilities.h"
#include "sandbox/jail/kernel/syscalls.h"

namespace acloud::sandbox::jail {
namespace {

constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// When memory runs out, inside or on the whole machine, a program has to go before init (the jail would go
// with it) and before the server. Raising one's own score needs no privilege; lowering it again is prevented
// by the read-only /proc.
Result<> become_first_to_go(int proc) {
  // Files in /proc belong to us only while we may be looked at; nobody inside can: we are not their user yet.
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  ACLOUD_CHECK(write_file(proc, "self/oom_score_adj", "500"));
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  return {};
}

Result<> arrange_streams(const Launch& launch) {
  std::array<int, 3> streams{launch.input, launch.output, launch.error};
  for (int& stream : streams) {
    if (stream < 0) stream = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    // Out of the way of 0 to 2 first, so that none overwrites another.
    stream = ::fcntl(stream, F_DUPFD_CLOEXEC, 3);
    if (stream < 0) return fail_errno(errno, "cannot arrange the streams");
  }
  for (int i = 0; i < 3; ++i) {
    if (::dup2(streams[static_cast<std::size_t>(i)], i) < 0)
      return fail_errno(errno, "cannot arrange the streams");
  }
  ::setsid();
  if (launch.controlling_terminal && ::ioctl(0, TIOCSCTTY, 0) != 0)
    return fail_errno(errno, "cannot take the terminal");
  // Whatever else is open goes with exec; the status pipe must stay until then.
  if (::syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC) != 0)
    return fail_errno(errno, "cannot close descriptors");
  return {};
}

// Never above what init was given: raising would need a privilege.
bool set_limit(int resource, rlim_t value) {
  rlimit limit{};
  const auto which = static_cast<__rlimit_resource>(resource);
  if (::getrlimit(which, &limit) != 0) return false;
  limit.rlim_cur = limit.rlim_max = std::min(value, limit.rlim_max);
  return ::setrlimit(which, &limit) == 0;
}

// Processes a second time, per user: where there is no pids controller it is the wall that there is.
Result<> set_resource_limits(const Limits& limits) {
  const rlim_t processes = limits.processes ? limits.processes : RLIM_INFINITY;
  if (!set_limit(RLIMIT_NOFILE, limits.open_files) || !set_limit(RLIMIT_NPROC, processes))
    return fail_errno(errno, "cannot set resource limits");
  return {};
}

Result<> become_user(const Launch& launch) {
  const Command& command = *launch.command;
  if (launch.has_groups && ::syscall(SYS_setgroups, 0, nullptr) != 0)
    return fail_errno(errno, "cannot leave groups");
  if (launch.controlling_terminal && ::fchown(0, command.uid, static_cast<gid_t>(-1)) != 0) {
    return fail_errno(errno, "cannot own the terminal");
  }
  // Raw calls: glibc's would look for threads that this copy of init doesn't have.
  if (::syscall(SYS_setresgid, command.gid, command.gid, command.gid) != 0) {
    return fail(ErrorCode::invalid_argument, "there is no group {} in this jail", command.gid);
  }
  // Capabilities are limited before the user changes, which is what takes them from everyone but root.
  ACLOUD_CHECK(drop_to_kept());
  if (::syscall(SYS_setresuid, command.uid, command.uid, command.uid) != 0) {
    return fail(ErrorCode::invalid_argument, "there is no user {} in this jail", command.uid);
  }
  return {};
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

Error exec_error(int number, const std::string& program) {
  const auto code = number == ENOENT || number == ENOTDIR                       ? ErrorCode::not_found
                    : number == EACCES || number == ENOEXEC || number == EISDIR ? ErrorCode::invalid_argument
                    : number == E2BIG                                           ? ErrorCode::too_large
                                                                                : ErrorCode::unavailable;
  return Error(code, fmt::format("cannot run {}: {}", program, ::strerror(number)));
}

Error execute(const Command& command) {
  std::vector<std::string> argv = command.argv, env;
  std::string path(kDefaultPath);
  for (const auto& [name, value] : command.env) {
    env.push_back(name + "=" + value);
    if (name == "PATH") path = value;
  }
  const std::vector<char*> arguments = pointers(argv), environment = pointers(env);
  const std::string& program = command.argv[0];
  if (program.find('/') != std::string::npos) {
    ::execve(program.c_str(), arguments.data(), environment.data());
    return exec_error(errno, program);
  }
  int number = ENOENT;
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find(':', start), path.size());
    ::execve(fmt::format("{}/{}", path.substr(start, end - start), program).c_str(), arguments.data(),
             environment.data());
    if (errno != ENOENT && errno != ENOTDIR) number = errno;
    start = end + 1;
  }
  return exec_error(number, program);
}

Result<> prepare(const Launch& launch) {
  const bool enters = launch.user_namespace >= 0;
  if (enters) ACLOUD_CHECK(become_first_to_go(launch.proc));
  ACLOUD_CHECK(arrange_streams(launch));
  ACLOUD_CHECK(set_resource_limits(*launch.limits));
  if (enters && ::setns(launch.user_namespace, CLONE_NEWUSER) != 0)
    return fail_errno(errno, "cannot enter the user namespace");

  ACLOUD_CHECK(load_filter(*launch.filter));
  ACLOUD_CHECK(become_user(launch));
  ::umask(022);
  if (::chdir(launch.command->cwd.c_str()) != 0) {
    return fail(errno == ENOENT ? ErrorCode::not_found : ErrorCode::invalid_argument,
                "cannot enter folder {}: {}", launch.command->cwd, ::strerror(errno));
  }
  ::signal(SIGPIPE, SIG_DFL);  // all that init ignores
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  return {};
}

}  // namespace

Result<> prepare_to_launch() {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  ::signal(SIGPIPE, SIG_IGN);
  const bool all = set_limit(RLIMIT_CORE, 0) && set_limit(RLIMIT_RTPRIO, 0) && set_limit(RLIMIT_NICE, 0) &&
                   set_limit(RLIMIT_MSGQUEUE, 819'200) && set_limit(RLIMIT_SIGPENDING, 16'384) &&
                   set_limit(RLIMIT_MEMLOCK, 64 << 20);
  if (!all) return fail_errno(errno, "cannot set resource limits");
  return {};
}

Error launch(const Launch& launch) {
  if (const Result<> ready = prepare(launch); !ready) return ready.error();
  return execute(*launch.command);
}

}  // namespace acloud::sandbox::jail
