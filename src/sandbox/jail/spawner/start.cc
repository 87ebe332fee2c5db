// The spawner's start: takes its place, finds out what the machine can enforce by trying it, and says so.
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <ctime>
#include <filesystem>
#include <thread>

#include "sandbox/jail/kernel/landlock.h"
#include "sandbox/jail/kernel/network.h"
#include "sandbox/jail/kernel/syscalls.h"
#include "sandbox/jail/oci/container.h"
#include "sandbox/jail/record.h"
#include "sandbox/jail/spawner/parts.h"
#include "sandbox/jail/spawner/spawner.h"
#include "sandbox/jail/volatile_folder.h"

namespace acloud::sandbox::jail {
namespace {

using namespace std::chrono_literals;

// An earlier spawner sees that its server is gone when it has ended what it is at, and on a busy disk the
// making or removing of one jail can take seconds. Below the time that the server waits for its spawner, and
// a call for the server.
constexpr auto kLockPatience = 15s;

Result<Fd> lock_folder(const std::string& folder) {
  ACLOUD_TRY(Fd lock, open_file(AT_FDCWD, folder + "/lock", O_RDWR | O_CREAT, 0600));
  const auto until = std::chrono::steady_clock::now() + kLockPatience;
  while (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (std::chrono::steady_clock::now() > until)
      return fail(ErrorCode::conflict, "another server uses {}", folder);
    std::this_thread::sleep_for(5ms);
  }
  return lock;
}

// Programs inside see clocks that began when the spawner did, not when the machine did. One namespace for
// all jails: it is for hiding, and there is nothing in it to share.
bool hide_uptime() {
  if (::unshare(CLONE_NEWTIME) != 0) return false;
  std::string offsets;
  for (const auto& [name, clock] :
       {std::pair{"monotonic", CLOCK_MONOTONIC}, std::pair{"boottime", CLOCK_BOOTTIME}}) {
    timespec now{};
    ::clock_gettime(clock, &now);
    offsets += fmt::format("{} -{} 0\n", name, now.tv_sec);
  }
  return write_file(AT_FDCWD, "/proc/self/timens_offsets", offsets).has_value();
}

// Root that was asked to do without his rights goes on as nobody, so that nothing depends on them unseen.
Result<> become_nobody(const std::string& folder) {
  constexpr uid_t kNobody = 65'534;
  for (const std::string& path : {folder, folder + "/jails"}) {
    if (::lchown(path.c_str(), kNobody, kNobody) != 0 && errno != ENOENT)
      return fail_errno(errno, fmt::format("cannot hand over {}", path));
  }
  if (::setgroups(0, nullptr) != 0 || ::setresgid(kNobody, kNobody, kNobody) != 0 ||
      ::setresuid(kNobody, kNobody, kNobody) != 0 || ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) {
    return fail_errno(errno, "cannot become nobody");
  }
  return {};
}

// Its own view of mounts: the host's changes arrive, its own don't leave.
Result<> separate_mounts() {
  if (::unshare(CLONE_NEWNS) != 0) return fail_errno(errno, "cannot make a mount namespace");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
    return fail_errno(errno, "cannot separate mounts");
  return {};
}

class Findings {
 public:
  void add(const char* name, bool enforced, std::string how) {
    features_.push_back({name, enforced, std::move(how)});
  }

  void add_controller(const char* name, Cgroups::Version version, bool privileged, const char* instead) {
    const bool there = version != Cgroups::Version::none;
    add(name, there,
        there ? fmt::format("cgroup {}", version == Cgroups::Version::v2 ? "v2" : "v1")
              : fmt::format("{}{}",
                            privileged ? "no such cgroup controller is mounted and writable" : "needs root",
                            instead));
  }

  std::vector<Feature> take() { return std::move(features_); }

 private:
  std::vector<Feature> features_;
};

// Containers' inits become our children when the runtime that made them has ended.
Result<> prepare_runtime(const std::string& name, const std::string& folder, Common& common) {
  if (!common.privileged) {
    return fail(ErrorCode::precondition_failed, "isolation \"oci:{}\" needs a server that runs as root",
                name);
  }
  ACLOUD_CHECK(install_init(folder));
  ACLOUD_TRY(common.runtime, find_runtime(name));
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
    return fail_errno(errno, "cannot look after containers");
  return {};
}

std::vector<Feature> look_around(const Common& common, const Disks& disks, const std::string& why_no_disk,
                                 bool uptime_hidden) {
  Findings found;
  const bool root = common.privileged;
  const Cgroups& groups = common.cgroups;
  found.add("users", root, root ? "a range of 65,536 ids for each jail" : "one user for all: needs root");
  found.add_controller("memory", groups.memory(), root, "");
  found.add_controller("cpu", groups.cpu(), root, "");
  if (groups.pids() == Cgroups::Version::none) {
    found.add("processes", true, "RLIMIT_NPROC in a user namespace of its own");
  } else {
    found.add_controller("processes", groups.pids(), root, "");
  }
  const bool ext4 = disks.kind() == Disks::Kind::ext4;
  found.add(
      "disk", true,
      ext4 ? "an ext4 image for each jail" : fmt::format("tmpfs, which counts as memory: {}", why_no_disk));
  found.add("open_files", true, "RLIMIT_NOFILE");
  found.add_controller("freeze", groups.freezer(), root, "");
  found.add("kill_tree", groups.kills_trees(),
            groups.kills_trees() ? "cgroup v2 cgroup.kill"
                                 : "no cgroup v2: processes that leave their session are missed");
  found.add("network", true, "an empty network namespace");
  found.add("system_calls", true, "seccomp allow-list");
  const int version = landlock_version();
  found.add("landlock", version > 0,
            version ? fmt::format("version {}", version) : "the kernel has none, or it is not enabled");
  const bool apart = !common.runtime;
  found.add(
      "init", apart,
      apart
          ? "process 1 is a user outside of the programs' user namespace"
          : "a container has one user namespace, so process 1 is its root; he can't be traced or signalled");
  found.add("time", uptime_hidden,
            uptime_hidden ? "a time namespace hides the host's uptime" : "no time namespace");
  return found.take();
}

}  // namespace

Spawner::Spawner(Common common, Disks disks, std::string folder, Fd server, Fd lock)
    : common_(std::move(common)),
      disks_(std::move(disks)),
      folder_(std::move(folder)),
      server_(std::move(server)),
      lock_(std::move(lock)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

Result<Spawner> Spawner::start(const Start& start, Fd server) {
  ::setsid();  // a terminal's Ctrl-C is for the server
  ::umask(022);
  ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr);  // jails must not inherit a person's keys
  std::error_code error;
  std::filesystem::create_directories(start.folder, error);
  const std::string folder = std::filesystem::canonical(start.folder, error);
  if (error) return fail(ErrorCode::unavailable, "cannot make {}: {}", start.folder, error.message());
  ::chmod(folder.c_str(), 0700);
  const bool privileged = start.as_root && ::geteuid() == 0;
  if (!privileged && ::geteuid() == 0) ACLOUD_CHECK(become_nobody(folder));
  ACLOUD_TRY(Fd lock, lock_folder(folder));
  ACLOUD_CHECK(make_volatile_folder(folder + "/jails"));
  Disks::clear(folder);

  Report report;
  report.privileged = privileged;
  report.one_user = !privileged;
  Common common;
  common.privileged = privileged;
  common.user = ::geteuid();
  common.landlock = landlock_version() > 0;
  std::string why_no_disk;
  Disks disks(folder, Disks::Kind::tmpfs);
  bool uptime_hidden = false;
  const auto ready = [&]() -> Result<> {
    if (!privileged) {
      ACLOUD_CHECK(enter_outer_namespace());
      // Making networks for others, the spawner has to come back to one that it has rights in.
      if (::unshare(CLONE_NEWNET) != 0) return fail_errno(errno, "cannot make a network namespace");
    }
    ACLOUD_CHECK(separate_mounts());
    uptime_hidden = hide_uptime();
    ACLOUD_TRY(common.workshop, make_workshop(folder, privileged));
    ACLOUD_TRY(common.filters, make_filters());
    if (privileged) common.cgroups = Cgroups::find(cgroup_name(folder));
    disks = find_disks(folder, privileged, why_no_disk);
    if (!start.runtime.empty()) ACLOUD_CHECK(prepare_runtime(start.runtime, folder, common));
    return {};
  }();
  if (common.runtime) report.kind = fmt::format("oci:{} ({})", common.runtime->name, common.runtime->version);
  report.available = ready.has_value();
  if (!ready) report.problem = ready.error().message();
  Spawner spawner(std::move(common), std::move(disks), folder, std::move(server), std::move(lock));
  ACLOUD_CHECK(spawner.find_slots());
  // The proof of all the rest: what one jail needs can be made.
  if (report.available) {
    if (const Result<Prepared> proof = prepare(spawner.common_, spawner.disks_, spawner.next_slot_)) {
      // A container is made for who asks.
      if (!spawner.common_.runtime) spawner.pool_ = {.least = start.prepared, .most = kPoolMost};
    } else {
      report.available = false;
      report.problem = proof.error().message();
    }
  }
  report.features = look_around(spawner.common_, spawner.disks_, why_no_disk, uptime_hidden);
  spawner.report_ = std::move(report);
  return spawner;
}

}  // namespace acloud::sandbox::jail
