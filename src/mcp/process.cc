#include "mcp/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace acloud::mcp {
namespace {

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

struct Pipe {
  Fd read, write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "pipe");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

Result<std::string> find_program(const Command& command) {
  if (command.program.contains('/')) return command.program;
  const auto path = command.environment.find("PATH");
  std::string_view left = path == command.environment.end() ? std::string_view() : path->second;
  while (!left.empty()) {
    const std::string_view folder = left.substr(0, left.find(':'));
    left.remove_prefix(std::min(left.size(), folder.size() + 1));
    const std::string file = fmt::format("{}/{}", folder, command.program);
    if (!folder.empty() && ::access(file.c_str(), X_OK) == 0) return file;
  }
  return fail(ErrorCode::not_found, "{}: no such program in PATH", command.program);
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> list;
  list.reserve(words.size() + 1);
  for (std::string& word : words) list.push_back(word.data());
  list.push_back(nullptr);
  return list;
}

// What the new process does until it is another program. Between fork and exec nothing may be called that
// takes a lock or memory: another thread may have held it.
struct Launch {
  const char* program;
  char* const* arguments;
  char* const* environment;
  const char* folder;  // null: stay
  int input, output, errors;
  int report;  // where an errno goes if there is no exec
  pid_t parent;

  [[noreturn]] void run() const {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const bool ready = ::dup2(input, 0) == 0 && ::dup2(output, 1) == 1 && ::dup2(errors, 2) == 2 &&
                       ::syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */) == 0 &&
                       (folder == nullptr || ::chdir(folder) == 0);
    if (ready) ::execve(program, arguments, environment);
    const int problem = errno;
    (void)!::write(report, &problem, sizeof problem);
    ::_exit(127);
  }
};

std::string how_ended(int status) {
  if (WIFSIGNALED(status)) return fmt::format("was killed by signal {}", WTERMSIG(status));
  return fmt::format("ended with code {}", WEXITSTATUS(status));
}

}  // namespace

std::map<std::string, std::string> basic_environment() {
  std::map<std::string, std::string> environment;
  for (const char* name :
       {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TERM", "TMPDIR", "TZ"}) {
    if (const char* value = std::getenv(name)) environment[name] = value;
  }
  return environment;
}

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(const Command& command) {
  std::string program;
  ACLOUD_TRY(program, find_program(command));
  ACLOUD_TRY(Pipe input, make_pipe());
  ACLOUD_TRY(Pipe output, make_pipe());
  ACLOUD_TRY(Pipe errors, make_pipe());
  ACLOUD_TRY(Pipe report, make_pipe());
  std::vector<std::string> words{command.program};
  words.insert(words.end(), command.arguments.begin(), command.arguments.end());
  std::vector<std::string> variables;
  variables.reserve(command.environment.size());
  for (const auto& [name, value] : command.environment)
    variables.push_back(fmt::format("{}={}", name, value));
  const std::vector<char*> arguments = pointers(words);
  const std::vector<char*> environment = pointers(variables);
  const Launch launch{.program = program.c_str(),
                      .arguments = arguments.data(),
                      .environment = environment.data(),
                      .folder = command.folder.empty() ? nullptr : command.folder.c_str(),
                      .input = input.read.get(),
                      .output = output.write.get(),
                      .errors = errors.write.get(),
                      .report = report.write.get(),
                      .parent = ::getpid()};
  std::unique_ptr<ChildProcess> child(new ChildProcess());
  child->pid_ = ::fork();
  if (child->pid_ == 0) launch.run();
  if (child->pid_ < 0) {
    child->reaped_ = true;
    return fail_errno(errno, "fork");
  }
  ::setpgid(child->pid_, child->pid_);  // here too, since either may be first
  child->handle_ = static_cast<int>(::syscall(SYS_pidfd_open, child->pid_, 0));
  if (child->handle_ < 0) return fail_errno(errno, "pidfd_open");
  report.write = Fd();
  int problem = 0;
  ssize_t got = 0;
  do {
    got = ::read(report.read.get(), &problem, sizeof problem);
  } while (got < 0 && errno == EINTR);
  if (got == sizeof problem) {
    return fail_errno(problem, problem == ENOENT && !command.folder.empty()
                                   ? fmt::format("{} in {}", program, command.folder)
                                   : program);
  }
  child->input_ = net::adopt(input.write.release());
  child->output_ = net::adopt(output.read.release());
  child->errors_ = net::adopt(errors.read.release());
  return child;
}

void ChildProcess::signal_group(int signal) const {
  if (!reaped_) ::kill(-pid_, signal);
}

// The group is killed while its leader's number can't be another's yet.
bool ChildProcess::reap() {
  if (reaped_) return true;
  siginfo_t info{};
  const int waited = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
  if (waited == 0 && info.si_pid == 0) return false;
  signal_group(SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  reaped_ = true;
  how_ = how_ended(status);
  return true;
}

ChildProcess::~ChildProcess() {
  if (!reaped_) {
    signal_group(SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (handle_ >= 0) ::close(handle_);
}

Task<Result<std::string>> ChildProcess::wait() {
  while (!reap()) ACLOUD_CO_CHECK(co_await net::wait_readable(handle_));
  co_return how_;
}

Task<> ChildProcess::end(std::chrono::milliseconds grace) {
  input_->close();
  for (const int signal : {SIGTERM, SIGKILL}) {
    const auto ended =
        co_await async::with_deadline(async::Deadline::after(grace), "the end of a process", wait());
    if (ended) co_return;
    signal_group(signal);
  }
  (void)co_await wait();
}

}  // namespace acloud::mcp
