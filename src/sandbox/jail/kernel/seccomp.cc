#include "sandbox/jail/kernel/seccomp.h"

#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>

#include "sandbox/jail/fd.h"

namespace acloud::sandbox::jail {
namespace {

// Without conditions. Names that an architecture doesn't have are skipped. Left out on purpose: mounts,
// other processes' memory (ptrace, process_vm_*, process_madvise, kcmp, pidfd_getfd), bpf, perf, io_uring,
// userfaultfd, keyrings, kexec, modules, handles of files, setting clocks, swap, quotas, reboot, syslog,
// accounting, raw ports, NUMA placement, fanotify.
constexpr const char* kAllowed[] = {  // longer than a std::array may be written

    // files and folders
    "access", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range", "creat", "dup", "dup2",
    "dup3", "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchown",
    "fchownat", "fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock", "fremovexattr", "fsetxattr",
    "fstat", "fstatfs", "fsync", "ftruncate", "futimesat", "getcwd", "getdents", "getdents64", "getxattr",
    "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch", "ioctl", "lchown", "lgetxattr",
    "link", "linkat", "listxattr", "llistxattr", "lremovexattr", "lseek", "lsetxattr", "lstat", "mkdir",
    "mkdirat", "mknod", "mknodat", "newfstatat", "open", "openat", "openat2", "pipe", "pipe2", "pread64",
    "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat",
    "readv", "removexattr", "rename", "renameat", "renameat2", "rmdir", "sendfile", "setxattr", "splice",
    "stat", "statfs", "statx", "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "tee", "truncate",
    "umask", "unlink", "unlinkat", "utime", "utimensat", "utimes", "vmsplice", "write", "writev", "chroot",
    // memory
    "brk", "get_mempolicy", "madvise", "membarrier", "memfd_create", "mincore", "mlock", "mlock2", "mlockall",
    "mmap", "mprotect", "mremap", "msync", "munlock", "munlockall", "munmap", "pkey_alloc", "pkey_free",
    "pkey_mprotect", "remap_file_pages",
    // processes, threads and their identity
    "arch_prctl", "capget", "capset", "execve", "execveat", "exit", "exit_group", "fork", "get_robust_list",
    "getcpu", "getegid", "geteuid", "getgid", "getgroups", "getpgid", "getpgrp", "getpid", "getppid",
    "getpriority", "getresgid", "getresuid", "getrlimit", "getrusage", "getsid", "gettid", "getuid",
    "ioprio_get", "ioprio_set", "kill", "landlock_add_rule", "landlock_create_ruleset",
    "landlock_restrict_self", "pidfd_open", "pidfd_send_signal", "prctl", "prlimit64", "process_mrelease",
    "rseq", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "sched_get_priority_max", "sched_get_priority_min",
    "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler", "sched_rr_get_interval",
    "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield", "seccomp",
    "set_robust_list", "set_tid_address", "setfsgid", "setfsuid", "setgid", "setgroups", "setpgid",
    "setpriority", "setregid", "setresgid", "setresuid", "setreuid", "setrlimit", "setsid", "setuid",
    "set_thread_area", "get_thread_area", "sysinfo", "tgkill", "times", "tkill", "uname", "vfork", "wait4",
    "waitid",
    // signals, time, waiting
    "alarm", "clock_getres", "clock_gettime", "clock_nanosleep", "epoll_create", "epoll_create1", "epoll_ctl",
    "epoll_ctl_old", "epoll_pwait", "epoll_pwait2", "epoll_wait", "epoll_wait_old", "eventfd", "eventfd2",
    "futex", "futex_waitv", "getitimer", "getrandom", "gettimeofday", "io_cancel", "io_destroy",
    "io_getevents", "io_pgetevents", "io_setup", "io_submit", "nanosleep", "pause", "poll", "ppoll",
    "pselect6", "restart_syscall", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn",
    "rt_sigsuspend", "rt_sigtimedwait", "select", "setitimer", "sigaltstack", "signalfd", "signalfd4", "time",
    "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime", "timerfd_create",
    "timerfd_gettime", "timerfd_settime",
    // sockets (which kinds: below) and System V IPC, which has a namespace of its own
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recvfrom",
    "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown", "mq_getsetattr",
    "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink", "msgctl", "msgget", "msgrcv",
    "msgsnd", "semctl", "semget", "semop", "semtimedop", "shmat", "shmctl", "shmdt", "shmget",
    // for init alone: `program` takes these away
    "clone3"};

// Newer than the libseccomp of Debian 12: cachestat, fchmodat2, map_shadow_stack, futex_*, mseal, *xattrat.
constexpr std::array kAllowedNumbers{451, 452, 453, 454, 455, 456, 462, 463, 464, 465, 466};
constexpr int kFirstUnknown = 451, kLastUnknown = 511;

constexpr std::uint64_t kNamespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
constexpr std::uint64_t kNewTime = 0x80;     // CLONE_NEWTIME; in clone(2) that bit is part of the exit signal
constexpr std::uint64_t kTypeMask = 0xf;     // the rest are SOCK_NONBLOCK and SOCK_CLOEXEC
constexpr std::uint64_t kLow = 0xffff'ffff;  // arguments of 32 bits: the kernel ignores the rest, so must we
constexpr std::uint64_t kTcp = 6, kUdp = 17;

class Builder {
 public:
  explicit Builder(std::uint32_t otherwise) : context_(::seccomp_init(otherwise)) {
    if (!context_) {
      failed_ = true;
      return;
    }
    // Other ways into the kernel (32-bit calls) are no calls of this architecture.
    failed_ |= ::seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)) != 0;
    failed_ |= ::seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2) != 0;  // a binary tree
    failed_ |= ::seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_NNP, 0) != 0;       // set by us
  }

  void add(std::uint32_t action, int number, std::initializer_list<scmp_arg_cmp> conditions = {}) {
    if (number < 0 || failed_) return;  // not on this architecture
    failed_ |=
        ::seccomp_rule_add_array(context_.get(), action, number, static_cast<unsigned>(conditions.size()),
                                 conditions.size() ? conditions.begin() : nullptr) != 0;
  }
  void add(std::uint32_t action, const char* name, std::initializer_list<scmp_arg_cmp> conditions = {}) {
    add(action, ::seccomp_syscall_resolve_name(name), conditions);
  }

  Result<Filter> finish() {
    const Fd file(::memfd_create("filter", MFD_CLOEXEC));
    struct stat status{};
    if (failed_ || !file || ::seccomp_export_bpf(context_.get(), file.get()) != 0 ||
        ::fstat(file.get(), &status) != 0) {
      return fail(ErrorCode::internal, "cannot make the seccomp filter");
    }
    Filter filter(static_cast<std::size_t>(status.st_size) / sizeof(sock_filter));
    if (::pread(file.get(), filter.data(), static_cast<std::size_t>(status.st_size), 0) != status.st_size) {
      return fail_errno(errno, "cannot read the seccomp filter");
    }
    return filter;
  }

 private:
  struct Release {
    void operator()(void* context) const { ::seccomp_release(context); }
  };
  std::unique_ptr<void, Release> context_;
  bool failed_ = false;
};

scmp_arg_cmp equals(unsigned argument, std::uint64_t value, std::uint64_t mask = kLow) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

void allow_sockets(Builder& filter) {
  for (const std::uint64_t type : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}) {
    filter.add(SCMP_ACT_ALLOW, "socket", {equals(0, AF_UNIX), equals(1, type, kTypeMask)});
  }
  for (const std::uint64_t family : {AF_INET, AF_INET6}) {
    for (const std::uint64_t protocol : {std::uint64_t{0}, kTcp}) {
      filter.add(SCMP_ACT_ALLOW, "socket",
                 {equals(0, family), equals(1, SOCK_STREAM, kTypeMask), equals(2, protocol)});
    }
    for (const std::uint64_t protocol : {std::uint64_t{0}, kUdp}) {
      filter.add(SCMP_ACT_ALLOW, "socket",
                 {equals(0, family), equals(1, SOCK_DGRAM, kTypeMask), equals(2, protocol)});
    }
  }
  filter.add(SCMP_ACT_ALLOW, "socketpair", {equals(0, AF_UNIX)});
}

Result<Filter> allow_list() {
  Builder filter(SCMP_ACT_ERRNO(EPERM));
  for (const char* name : kAllowed) filter.add(SCMP_ACT_ALLOW, name);
  for (const int number : kAllowedNumbers) filter.add(SCMP_ACT_ALLOW, number);
  for (int number = kFirstUnknown; number <= kLastUnknown; ++number) {
    if (std::ranges::find(kAllowedNumbers, number) == kAllowedNumbers.end()) {
      filter.add(SCMP_ACT_ERRNO(ENOSYS), number);
    }
  }
  filter.add(SCMP_ACT_ALLOW, "clone", {equals(0, 0, kNamespaces)});
  filter.add(SCMP_ACT_ALLOW, "unshare", {equals(0, 0, kNamespaces | kNewTime)});
  filter.add(SCMP_ACT_ALLOW, "setns", {equals(1, CLONE_NEWUSER)});  // for init: see `program`
  for (const std::uint64_t persona :
       {std::uint64_t{0}, kLow}) {  // the default one, and asking for the present one
    filter.add(SCMP_ACT_ALLOW, "personality", {equals(0, persona)});
  }
  allow_sockets(filter);
  return filter.finish();
}

// What an allow-list can't say: all but some values of an argument.
Result<Filter> refused_arguments() {
  Builder filter(SCMP_ACT_ALLOW);
  for (const std::uint64_t request :
       {TIOCSTI, TIOCLINUX}) {  // typing into one's terminal for others to execute
    filter.add(SCMP_ACT_ERRNO(EPERM), "ioctl", {equals(1, request)});
  }
  return filter.finish();
}

Result<Filter> for_programs() {
  Builder filter(SCMP_ACT_ALLOW);
  filter.add(SCMP_ACT_ERRNO(EPERM), "setns");
  filter.add(SCMP_ACT_ERRNO(ENOSYS), "clone3");  // its flags are in memory, where no filter can look
  return filter.finish();
}

}  // namespace

Result<Filters> make_filters() {
  Filters filters;
  ACLOUD_TRY(filters.program, for_programs());
  ACLOUD_TRY(Filter allowed, allow_list());
  ACLOUD_TRY(Filter refused, refused_arguments());
  filters.jail.push_back(std::move(refused));
  filters.jail.push_back(std::move(allowed));
  return filters;
}

Result<> load_filter(const Filter& filter) {
  const sock_fprog program{static_cast<unsigned short>(filter.size()),
                           const_cast<sock_filter*>(filter.data())};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
    return fail_errno(errno, "cannot load a seccomp filter");
  return {};
}

}  // namespace acloud::sandbox::jail
