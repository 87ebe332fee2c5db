// System calls that glibc 2.36 has no name for, and two small helpers on files.
#pragma once

#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "base/error.h"
#include "sandbox/jail/fd.h"

namespace acloud::sandbox::jail {

inline int clone3(clone_args& args) { return static_cast<int>(::syscall(SYS_clone3, &args, sizeof args)); }

// Where the kernel can't tell whether ".." was safe, since something on the machine was mounted or moved
// meanwhile, it says EAGAIN: the walk is made again, so often that only an attack outlasts it.
inline int openat2(int folder, const char* path, int flags, std::uint64_t resolve, mode_t mode = 0) {
  constexpr int kRaces = 1'000;
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
  how.mode = mode;
  how.resolve = resolve;
  long fd = -1;
  for (int race = 0; race < kRaces && fd < 0 && (race == 0 || errno == EAGAIN || errno == EINTR); ++race)
    fd = ::syscall(SYS_openat2, folder, path, &how, sizeof how);
  return static_cast<int>(fd);
}

inline int open_pidfd(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }
inline int signal_pidfd(int pidfd, int number) {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0));
}

// Writes `text` to the existing file `path` below `folder` in one write, as the files of the kernel want it.
Result<> write_file(int folder, const std::string& path, std::string_view text);
// At most 64 KiB. Errors: not_found; internal.
Result<std::string> read_file(int folder, const std::string& path);
// open(2) with O_CLOEXEC.
Result<Fd> open_file(int folder, const std::string& path, int flags, mode_t mode = 0);

}  // namespace acloud::sandbox::jail
