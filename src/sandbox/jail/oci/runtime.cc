#include "sandbox/jail/oci/runtime.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "sandbox/jail/fd.h"

namespace acloud::sandbox::jail {
namespace {

constexpr std::array kProgramFolders{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                     "/usr/bin",        "/sbin",          "/bin"};
constexpr int kVersionPatience = 10'000;  // ms
constexpr std::size_t kVersionMost = 200;

Result<std::string> find_program(const std::string& name) {
  for (const char* folder : kProgramFolders) {
    std::string path = fmt::format("{}/{}", folder, name);
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return fail(ErrorCode::precondition_failed,
              "isolation \"oci:{}\": there is no program {} in {}; install it, or set isolation to \"jail\"",
              name, name, fmt::join(kProgramFolders, ", "));
}

// The first line of `path --version`.
Result<std::string> ask_version(const std::string& path) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "cannot make a pipe");
  const Fd out(ends[0]);
  Fd theirs(ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDOUT_FILENO);
  std::string program = path, flag = "--version", env = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  std::array<char*, 3> argv{program.data(), flag.data(), nullptr};
  std::array<char*, 2> environment{env.data(), nullptr};
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, path.c_str(), &actions, nullptr, argv.data(), environment.data());
  ::posix_spawn_file_actions_destroy(&actions);
  theirs.reset();
  if (error != 0) return fail(ErrorCode::precondition_failed, "cannot run {}: {}", path, ::strerror(error));
  std::string text;
  pollfd waiting{out.get(), POLLIN, 0};
  std::array<char, kVersionMost> buffer{};
  if (::poll(&waiting, 1, kVersionPatience) > 0) {
    const ssize_t size = ::read(out.get(), buffer.data(), buffer.size());
    if (size > 0) text.assign(buffer.data(), static_cast<std::size_t>(size));
  }
  ::kill(pid, SIGKILL);  // it has said what was asked, or hangs
  ::waitpid(pid, nullptr, 0);
  text.resize(std::min(text.find('\n'), text.size()));
  if (text.empty()) return fail(ErrorCode::precondition_failed, "{} --version says nothing", path);
  return text;
}

}  // namespace

Result<Runtime> find_runtime(const std::string& name) {
  Runtime runtime{.name = name, .path = {}, .version = {}, .options = {}};
  ACLOUD_TRY(runtime.path, find_program(name));
  ACLOUD_TRY(runtime.version, ask_version(runtime.path));
  // Whose containers join the caller's cgroups and make none of their own: what one that does would leave
  // behind in hierarchies that we don't use, nobody could find.
  if (runtime.version.starts_with("crun ")) {
    runtime.options = {"--cgroup-manager=disabled"};
    return runtime;
  }
  return fail(
      ErrorCode::precondition_failed,
      "isolation \"oci:{}\": {} is \"{}\"; of the runtimes that leave cgroups to the server only crun is "
      "known to be able to run its init",
      name, runtime.path, runtime.version);
}

}  // namespace acloud::sandbox::jail
