#include "sandbox/jail/oci/container.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fstream>

#include "sandbox/jail/kernel/mounts.h"
#include "sandbox/jail/kernel/network.h"
#include "sandbox/jail/kernel/syscalls.h"
#include "sandbox/jail/oci/bundle.h"
#include "sandbox/jail/protocol.h"

namespace acloud::sandbox::jail {
namespace {

// Where the runtime finds root and init, in this process's own mount namespace: the runtime goes there as
// root inside, who may not pass through the server's folder. Every host has it, nobody's data lies in it, and
// no runtime looks into it.
constexpr const char* kStage = "/sys/kernel";
constexpr const char* kContainer = "jail";  // its name in the runtime's state, which holds no other
constexpr int kContainerPatience = 30'000;  // ms
constexpr std::size_t kReasonMost = 400;

// A runtime that finds cgroup v1 and a v2 without controllers beside it gets along with v1 alone.
void hide_unified() {
  std::ifstream file("/proc/self/mounts");
  std::string source, folder, type, rest;
  std::vector<std::string> unified;
  bool v1 = false;
  while (file >> source >> folder >> type && std::getline(file, rest)) {
    v1 |= type == "cgroup";
    if (type == "cgroup2") unified.push_back(folder);
  }
  for (const std::string& path : unified) {
    if (v1) ::umount2(path.c_str(), MNT_DETACH);
  }
}

struct Running {
  const Common& common;
  const Spec& spec;
  std::string group;  // its cgroups' name
  const ContainerPlace& place;
  std::string log() const { return place.folder + "/runtime.log"; }
};

// In a child that becomes the runtime. Returns only on failure.
Result<> become_runtime(const Running& running, std::vector<std::string> arguments, int input,
                        const std::optional<Fd>& group, bool joins) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (joins) {
    ACLOUD_CHECK(running.common.cgroups.enter_v1(running.group));
    if (group) ACLOUD_CHECK(write_file(group->get(), "cgroup.procs", "0"));
  }
  if (::unshare(CLONE_NEWNS) != 0) return fail_errno(errno, "cannot make a mount namespace");
  hide_unified();
  ACLOUD_TRY(const Fd log, open_file(AT_FDCWD, running.log(), O_WRONLY | O_CREAT | O_APPEND, 0600));
  ACLOUD_TRY(const Fd null, open_file(AT_FDCWD, "/dev/null", O_RDWR));
  const Fd in(::fcntl(input >= 0 ? input : null.get(), F_DUPFD_CLOEXEC, 3));
  ::fcntl(in.get(), F_SETFL, ::fcntl(in.get(), F_GETFL) & ~O_CLOEXEC);
  if (::dup2(in.get(), 0) < 0 || ::dup2(log.get(), 1) < 0 || ::dup2(log.get(), 2) < 0)
    return fail_errno(errno, "cannot arrange the runtime's streams");
  ::close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::string path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  std::array<char*, 2> environment{path.data(), nullptr};
  ::execve(argv[0], argv.data(), environment.data());
  return fail_errno(errno, fmt::format("cannot run {}", arguments[0]));
}

// What the runtime wrote last.
std::string reason(const std::string& log) {
  std::string text = read_file(AT_FDCWD, log).value_or("");
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  text.erase(0, text.rfind('\n') + 1);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  }
  return text.substr(0, kReasonMost);
}

// Runs one command of it to the end. `joins`: within the jail's cgroups, so that all that comes of it is too.
Result<> run_runtime(const Running& running, std::vector<std::string> command, int input, bool joins) {
  const Runtime& runtime = *running.common.runtime;
  std::vector<std::string> arguments{runtime.path};
  arguments.insert(arguments.end(), runtime.options.begin(), runtime.options.end());
  arguments.insert(arguments.end(), {"--root", running.place.folder + "/runtime"});
  arguments.insert(arguments.end(), command.begin(), command.end());
  arguments.emplace_back(kContainer);
  std::optional<Fd> group;
  if (joins) {
    ACLOUD_TRY(group, running.common.cgroups.open_unified(running.group));
  }
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno(errno, "cannot start the runtime");
  if (pid == 0) {
    const Result<> failed = become_runtime(running, std::move(arguments), input, group, joins);
    const std::string text = failed.error().message() + "\n";
    (void)!::write(2, text.data(), text.size());
    ::_exit(126);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fail(ErrorCode::unavailable, "{} can't {} a container: {}", runtime.name, command[0],
              reason(running.log()));
}

Result<> attach_file(const std::string& source, const std::string& target) {
  ACLOUD_TRY(const Fd made, open_file(AT_FDCWD, target, O_WRONLY | O_CREAT, 0555));
  ACLOUD_TRY(const Fd file, clone_mount(AT_FDCWD, source, false));
  ACLOUD_CHECK(set_attributes(file.get(), MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, false));
  return attach_mount(file.get(), AT_FDCWD, target);
}

Result<BundlePaths> set_stage(const Built& built, const std::string& init) {
  BundlePaths paths{fmt::format("{}/root", kStage), fmt::format("{}/init", kStage)};
  ACLOUD_TRY(const Fd stage, make_mount("tmpfs", {{"size", "64k"}, {"nr_inodes", "16"}, {"mode", "0755"}},
                                        MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
  ACLOUD_TRY(const Fd tree, clone_mount(built.root.get(), "", true));
  ACLOUD_CHECK(attach_mount(stage.get(), AT_FDCWD, kStage));
  if (::mkdir(paths.root.c_str(), 0755) != 0) return fail_errno(errno, "cannot prepare a container's root");
  ACLOUD_CHECK(attach_mount(tree.get(), AT_FDCWD, paths.root));
  ACLOUD_CHECK(attach_file(init, paths.init));
  return paths;
}

std::string as_bytes(const Filter& filter) {
  return {reinterpret_cast<const char*>(filter.data()), filter.size() * sizeof(sock_filter)};
}

Result<> send_begin(const Running& running, Parts& parts, const Fd& written, int to) {
  const Common& common = running.common;
  Begin begin{.limits = running.spec.limits,
              .orphan_grace = running.spec.orphan_grace,
              .first_id = first_id(common, parts.users),
              .group = running.group,
              .landlock = common.landlock,
              .filters = {},
              .program_filter = as_bytes(common.filters.program)};
  for (const Filter& filter : common.filters.jail) begin.filters.push_back(as_bytes(filter));
  std::vector<int> fds{parts.control.get(), parts.listener.get(), written.get()};
  ACLOUD_TRY(const std::optional<Fd> group, common.cgroups.open_unified(running.group));
  if (group) fds.push_back(group->get());
  ACLOUD_CHECK(send(to, encode(begin), fds));
  // Only init has them from now on, so that their other ends see it go.
  parts.control.reset();
  parts.listener.reset();
  return {};
}

Result<> await_init(const Runtime& runtime, int from) {
  pollfd waiting{from, POLLIN, 0};
  if (::poll(&waiting, 1, kContainerPatience) <= 0)
    return fail(ErrorCode::unavailable, "a container of {} does not come to life", runtime.name);
  const Result<std::optional<Received>> message = receive(from);
  if (!message || !*message) {
    return fail(ErrorCode::unavailable, "a container of {} has ended before it began", runtime.name);
  }
  if (const auto failure = decode<Failure>((*message)->bytes))
    return std::unexpected(Error(failure->code, failure->message));
  return {};
}

Result<> make(const Running& running, Parts& parts) {
  ::setsid();
  const Common& common = running.common;
  if (::setns(parts.network_namespace.get(), CLONE_NEWNET) != 0)
    return fail_errno(errno, "cannot enter the network");
  ACLOUD_TRY(const Fd proc, open_file(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY));
  ACLOUD_CHECK(open_low_ports(proc.get()));
  ACLOUD_TRY(const Built built, build_root(common.workshop, running.spec,
                                           {parts.disk.get(), parts.user_namespace.get(), parts.users}));
  ACLOUD_TRY(const BundlePaths paths, set_stage(built, running.place.init));
  if (!(std::ofstream(running.place.folder + "/config.json")
        << bundle_config(running.spec, parts.users, paths) << std::flush)) {
    return fail(ErrorCode::unavailable, "cannot write a container's bundle: is the disk full?");
  }
  ACLOUD_TRY(auto sockets, make_socket_pair());
  ACLOUD_CHECK(send_begin(running, parts, built.written, sockets.first.get()));
  ACLOUD_CHECK(
      run_runtime(running, {"create", "--bundle", running.place.folder}, sockets.second.get(), true));
  sockets.second.reset();
  // Only now: making it takes more of both than some jails may have.
  ACLOUD_CHECK(common.cgroups.set_limits(running.group, running.spec.limits));
  ACLOUD_CHECK(run_runtime(running, {"start"}, -1, false));
  return await_init(*common.runtime, sockets.first.get());
}

}  // namespace

Result<> install_init(const std::string& folder) {
  const std::string path = fmt::format("{}/{}", folder, kInstalledInit), draft = path + ".new";
  std::ifstream self("/proc/self/exe", std::ios::binary);
  if (!(std::ofstream(draft, std::ios::binary | std::ios::trunc) << self.rdbuf() << std::flush))
    return fail(ErrorCode::unavailable, "cannot write {}", draft);
  // Renamed, not overwritten: containers of an earlier server run the old one.
  // To be run, not read: a process whose program its user may not read belongs, in /proc and for tracing, to
  // the user namespace of the file's owner, so that root inside can't look at init.
  if (::chmod(draft.c_str(), 0111) != 0 || ::rename(draft.c_str(), path.c_str()) != 0)
    return fail_errno(errno, fmt::format("cannot make {}", path));
  return {};
}

void build_container(const Common& common, const Spec& spec, const ContainerPlace& place, Parts parts,
                     Fd verdict) {
  const Result<> made = make({common, spec, parts.group, place}, parts);
  const std::string word = made ? "ok" : encode_error(made.error());
  ::_exit(::write(verdict.get(), word.data(), word.size()) < 0 || !made ? 1 : 0);
}

}  // namespace acloud::sandbox::jail
