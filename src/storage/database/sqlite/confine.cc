#include "storage/database/sqlite/confine.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <memory>

#include "storage/database/database_types.h"

namespace acloud::storage::sqlite {
namespace {

constexpr std::int64_t kHeap = 192 << 20;          // of SQLite: a query that wants more fails
constexpr std::uint64_t kAddresses = 2ULL << 30U;  // of the process, program and libraries included
constexpr std::uint64_t kFileSize = kDatabaseBytesMost + (64ULL << 20U);
constexpr std::uint64_t kFiles = 256;

void limit(__rlimit_resource what, std::uint64_t most) {
  const ::rlimit both{most, most};
  ::setrlimit(what, &both);
}

void limit_resources() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_DUMPABLE, 0);
  ::umask(0077);
  std::signal(SIGXFSZ, SIG_IGN);  // NOLINT(cert-err33-c): the write fails instead
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, kFileSize);
  limit(RLIMIT_NOFILE, kFiles);
#if !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
  limit(RLIMIT_AS, kAddresses);
#endif
  sqlite3_hard_heap_limit64(kHeap);
}

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE;
constexpr std::uint64_t kUse = kRead | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
                               LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
                               LANDLOCK_ACCESS_FS_MAKE_DIR;
constexpr std::uint64_t kAll = kUse | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                               LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                               LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                               LANDLOCK_ACCESS_FS_MAKE_SYM;

Result<> allow(int rules, const char* path, std::uint64_t access) {
  const int at = ::open(path, O_PATH | O_CLOEXEC);
  if (at < 0) return fail_errno(errno, path);
  const landlock_path_beneath_attr beneath{.allowed_access = access, .parent_fd = at};
  const long added = ::syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
  const int error = errno;
  ::close(at);
  return added == 0 ? Result<>() : fail_errno(error, "Landlock");
}

// A kernel without Landlock leaves this wall to the others.
Result<> confine_files(const std::string& folder) {
  const landlock_ruleset_attr handled{.handled_access_fs = kAll};
  const int rules =
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &handled, sizeof handled.handled_access_fs, 0));
  if (rules < 0) return {};
  ACLOUD_CHECK(allow(rules, folder.c_str(), kUse));
  ACLOUD_CHECK(allow(rules, "/dev/urandom", kRead));
  const long entered = ::syscall(SYS_landlock_restrict_self, rules, 0);
  const int error = errno;
  ::close(rules);
  return entered == 0 ? Result<>() : fail_errno(error, "Landlock");
}

constexpr std::array kForbidden = {SCMP_SYS(execve),
                                   SCMP_SYS(execveat),
                                   SCMP_SYS(fork),
                                   SCMP_SYS(vfork),
                                   SCMP_SYS(clone),
                                   SCMP_SYS(clone3),
                                   SCMP_SYS(socket),
                                   SCMP_SYS(connect),
                                   SCMP_SYS(bind),
                                   SCMP_SYS(listen),
                                   SCMP_SYS(accept),
                                   SCMP_SYS(accept4),
                                   SCMP_SYS(ptrace),
                                   SCMP_SYS(kill),
                                   SCMP_SYS(tgkill),
                                   SCMP_SYS(tkill),
                                   SCMP_SYS(process_vm_readv),
                                   SCMP_SYS(mount),
                                   SCMP_SYS(setns),
                                   SCMP_SYS(unshare),
                                   SCMP_SYS(process_vm_writev),
                                   SCMP_SYS(pidfd_open),
                                   SCMP_SYS(pidfd_getfd),
                                   SCMP_SYS(bpf),
                                   SCMP_SYS(keyctl),
                                   SCMP_SYS(add_key),
                                   SCMP_SYS(io_uring_setup),
                                   SCMP_SYS(perf_event_open),
                                   SCMP_SYS(chroot),
                                   SCMP_SYS(symlink),
                                   SCMP_SYS(link),
                                   SCMP_SYS(linkat),
                                   SCMP_SYS(symlinkat),
                                   SCMP_SYS(userfaultfd),
                                   SCMP_SYS(prlimit64)};

Result<> confine_calls() {
  const std::unique_ptr<void, void (*)(void*)> filter(seccomp_init(SCMP_ACT_ALLOW), &seccomp_release);
  if (!filter) return fail(ErrorCode::internal, "no room for a filter of system calls");
  for (const int call : kForbidden) {
    const int added = seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), call, 0);
    if (added != 0) return fail_errno(-added, "a filter of system calls");
  }
  const int loaded = seccomp_load(filter.get());
  return loaded == 0 ? Result<>() : fail_errno(-loaded, "a filter of system calls");
}

}  // namespace

Result<> confine(const std::string& folder) {
  limit_resources();
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno(errno, "no new privileges");
  ACLOUD_CHECK(confine_files(folder));
  return confine_calls();
}

}  // namespace acloud::storage::sqlite
