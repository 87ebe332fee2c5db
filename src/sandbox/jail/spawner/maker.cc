#include "sandbox/jail/spawner/maker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "sandbox/jail/init/init.h"
#include "sandbox/jail/kernel/syscalls.h"
#include "sandbox/jail/oci/container.h"
#include "sandbox/jail/protocol.h"
#include "sandbox/jail/record.h"
#include "sandbox/jail/spawner/parts.h"

namespace acloud::sandbox::jail {
namespace {

constexpr std::chrono::seconds kBuryPatience{5};
constexpr std::chrono::milliseconds kBuryPause{1};

// What the spawner needs of an init that is on its way.
struct Child {
  Fd init, verdict;
  pid_t pid = -1;
};

class Maker {
 public:
  Maker(const Common& common, Disks disks, const std::string& folder)
      : common_(common), disks_(std::move(disks)), folder_(folder) {}

  void stock(const Stock& order) {
    slot_ = order.slot;
    parts_ = prepare(common_, disks_, slot_);
  }

  // The descriptors are closed by whoever has received them, which may take longer.
  void bury(const Bury& order) {
    const auto until = std::chrono::steady_clock::now() + kBuryPatience;
    // The last process of a group leaves it a moment after it has ended for others.
    while (!common_.cgroups.remove(order.group)) {
      if (std::chrono::steady_clock::now() > until) return;  // what stays, the next spawner removes
      std::this_thread::sleep_for(kBuryPause);
    }
    std::error_code error;
    std::filesystem::remove_all(fmt::format("{}/jails/{}", folder_, spare_name(order.group)), error);
  }

  Result<Child> make(const Make& order, Fd control) {
    const std::string folder = fmt::format("{}/jails/{}", folder_, order.name);
    if (::mkdir(folder.c_str(), 0700) != 0) {
      if (errno == EEXIST) return fail(ErrorCode::conflict, "there is a jail {} already", order.name);
      return fail_errno(errno, fmt::format("cannot make {}", folder));
    }
    Result<Child> child = fill(order, folder, std::move(control));
    if (!child) {
      (void)common_.cgroups.remove(order.group);
      std::error_code error;
      std::filesystem::remove_all(folder, error);
    }
    return child;
  }

 private:
  Result<Prepared> take_parts(const Limits& limits) {
    // What the machine was out of then, it may have by now.
    Result<Prepared> taken = parts_ ? std::move(parts_) : prepare(common_, disks_, slot_);
    parts_ = fail(ErrorCode::unavailable, "nothing is prepared");
    if (taken && !has_usual_disk(limits)) {
      ACLOUD_TRY(taken->disk, disks_.make(limits.disk_bytes, limits.disk_inodes));
    }
    return taken;
  }

  Result<Child> fill(const Make& order, const std::string& folder, Fd control) {
    ACLOUD_TRY(Prepared prepared, take_parts(order.spec.limits));
    Parts parts{prepared.users,
                order.group,
                std::move(prepared.user_namespace),
                std::move(prepared.network_namespace),
                std::move(prepared.disk),
                {},
                std::move(control)};
    ACLOUD_CHECK(
        write_record(folder, {first_id(common_, parts.users), slot_, order.spec.limits, order.group}));
    ACLOUD_TRY(parts.listener, bind_socket(folder));
    Limits limits = order.spec.limits;
    // A runtime takes more to make a container than some jails may have; see build_container().
    if (common_.runtime) limits.memory_bytes = limits.processes = 0;
    const std::uint32_t init_user = common_.runtime ? parts.users.first : parts.users.init;
    ACLOUD_CHECK(common_.cgroups.make(order.group, limits, init_user));
    return launch(order.spec, folder, std::move(parts));
  }

  Result<Child> launch(const Spec& spec, const std::string& folder, Parts parts) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return fail_errno(errno, "cannot make a pipe");
    Child child;
    child.verdict = Fd(ends[0]);
    Fd verdict(ends[1]);
    ACLOUD_TRY(const std::optional<Fd> group, common_.cgroups.open_unified(parts.group));
    int pidfd = -1;
    clone_args arguments{};
    arguments.flags = CLONE_PARENT | CLONE_NEWNS | CLONE_PIDFD;
    if (!common_.runtime) arguments.flags |= CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
    arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
    if (group && !common_.runtime) {
      arguments.flags |= CLONE_INTO_CGROUP;
      arguments.cgroup = static_cast<std::uint64_t>(group->get());
    }
    child.pid = clone3(arguments);
    if (child.pid == 0 && common_.runtime) {
      build_container(common_, spec, {fmt::format("{}/{}", folder_, kInstalledInit), folder},
                      std::move(parts), std::move(verdict));
    }
    if (child.pid == 0) build_jail(common_, spec, std::move(parts), std::move(verdict));
    if (child.pid < 0) return fail_errno(errno, "cannot start a jail's init");
    child.init = Fd(pidfd);
    return child;
  }

  const Common& common_;
  Disks disks_;
  const std::string folder_;
  std::uint32_t slot_ = 0;
  Result<Prepared> parts_ = fail(ErrorCode::unavailable, "nothing is prepared");
};

}  // namespace

void run_maker(const Common& common, Disks disks, const std::string& folder, Fd spawner) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NAME, "acloud-maker", 0, 0, 0);
  // Above all the folder's lock is to go with the spawner.
  if (!close_all_but({spawner.get()})) ::_exit(1);
  Maker maker(common, std::move(disks), folder);
  while (true) {
    pollfd waiting{spawner.get(), POLLIN, 0};
    ::poll(&waiting, 1, -1);
    Result<std::optional<Received>> message = receive(spawner.get());
    if (!message) ::_exit(0);
    if (!*message) continue;
    Received& order = **message;  // whose descriptors are closed at the end of this turn
    if (const auto bury = decode<Bury>(order.bytes); bury && !bury->group.empty()) maker.bury(*bury);
    if (const auto stock = decode<Stock>(order.bytes)) maker.stock(*stock);
    if (order.kind() != Make::kKind) continue;
    const auto make = decode<Make>(order.bytes);
    if (!make || order.fds.size() != 1) ::_exit(2);
    const Result<Child> child = maker.make(*make, std::move(order.fds[0]));
    if (child) {
      const std::array fds{child->init.get(), child->verdict.get()};
      (void)send(spawner.get(), encode(Made{child->pid}), fds);
    } else {
      (void)send(spawner.get(), encode_error(child.error()));
    }
  }
}

}  // namespace acloud::sandbox::jail
