#include "sandbox/jail/init/init.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <map>
#include <memory>

#include "sandbox/jail/init/launch.h"
#include "sandbox/jail/init/program.h"
#include "sandbox/jail/init/trees.h"
#include "sandbox/jail/kernel/syscalls.h"
#include "sandbox/jail/protocol.h"

namespace acloud::sandbox::jail {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxPrograms = 1024;
constexpr std::size_t kMostOver = 16;  // groups that wait for an idle moment to be removed
constexpr std::size_t kStreams = 3;

// What an event is about, in the low bits of its key; the rest is the serial number of the thing.
enum class About : std::uint64_t { listener, children, control, program, status };

class Init {
 public:
  explicit Init(InitParts parts)
      : parts_(std::move(parts)), groups_(std::move(parts_.cgroup)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &children, nullptr);
    children_ = Fd(::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
    watch(parts_.listener.get(), About::listener, 0);
    watch(children_.get(), About::children, 0);
    add_control(std::move(parts_.control));
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 32> events{};
    while (true) {
      // Groups are made and removed while nobody waits, also for a program that is about to exec.
      const bool idle = starting_ == 0 && !(groups_.ready() && over_.empty());
      const int count =
          ::epoll_wait(epoll_.get(), events.data(), events.size(), idle ? 0 : milliseconds_left());
      if (count == 0 && idle) tidy_groups();
      if (count == 0 && !idle && controls_.empty()) ::_exit(0);
      for (int i = 0; i < count; ++i) handle(events[static_cast<std::size_t>(i)].data.u64);
    }
  }

 private:
  int milliseconds_left() {
    if (!controls_.empty()) {
      orphaned_.reset();
      return -1;
    }
    if (!orphaned_) orphaned_ = Clock::now();
    const auto left = *orphaned_ + parts_.orphan_grace - Clock::now();
    return static_cast<int>(
        std::clamp<std::int64_t>(std::chrono::ceil<std::chrono::milliseconds>(left).count(), 0, 1 << 30));
  }

  void watch(int fd, About about, std::uint64_t serial) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = serial << 3 | static_cast<std::uint64_t>(about);
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  }

  // By its name: while anybody else has a copy of the descriptor, closing ours does not end the watch.
  void unwatch(Fd& fd) {
    if (fd) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd.get(), nullptr);
    fd.reset();
  }

  void handle(std::uint64_t key) {
    const std::uint64_t serial = key >> 3;
    switch (static_cast<About>(key & 7)) {
      case About::listener:
        if (Fd peer(::accept4(parts_.listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)); peer) {
          add_control(std::move(peer));
        }
        return;
      case About::children:
        return reap();
      case About::control:
        return serve_control(serial);
      case About::program:
        return serve_program(serial);
      case About::status:
        if (const auto found = programs_.find(serial); found != programs_.end()) settle_start(*found->second);
        return;
    }
  }

  void add_control(Fd socket) {
    const std::uint64_t serial = ++serial_;
    watch(socket.get(), About::control, serial);
    controls_[serial] = std::move(socket);
  }

  void serve_control(std::uint64_t serial) {
    const auto found = controls_.find(serial);
    if (found == controls_.end()) return;
    while (true) {
      Result<std::optional<Received>> message = receive(found->second.get());
      if (!message) {
        unwatch(found->second);
        controls_.erase(found);
        return;
      }
      if (!*message) return;
      if ((*message)->kind() == Execute::kKind) execute(**message);
      if ((*message)->kind() == Serve::kKind) serve(**message);
      if ((*message)->kind() == Port::kKind) open_port(**message);
      if (const auto adjust = decode<Adjust>((*message)->bytes)) parts_.limits = adjust->limits;
      if ((*message)->kind() == Attach::kKind) tell_programs(found->second.get());
    }
  }

  // Taken over from the spawner, who made the jail ahead.
  void serve(Received& message) {
    const std::optional<Serve> order = decode<Serve>(message.bytes);
    if (!order || message.fds.size() != 1) return;
    parts_.limits = order->limits;
    parts_.orphan_grace = order->orphan_grace;
    add_control(std::move(message.fds[0]));
  }

  // --- starting a program ---

  void execute(Received& message) {
    std::optional<Execute> request = decode<Execute>(message.bytes);
    if (message.fds.empty()) return;
    Fd reply = std::move(message.fds[0]);
    const bool pipes = request && request->command.stdio == Command::Stdio::pipes;
    if (!request || request->command.argv.empty() || message.fds.size() != (pipes ? 1 + 2 * kStreams : 1)) {
      return answer(reply.get(), Error(ErrorCode::internal, "init does not understand the command"));
    }
    if (programs_.size() >= kMaxPrograms) {
      return answer(reply.get(),
                    Error(ErrorCode::unavailable, "too many programs: forget some that have ended"));
    }
    auto program = std::make_unique<Program>();
    program->command = std::move(request->command);
    program->socket = std::move(reply);
    std::array<Fd, kStreams> streams;
    if (pipes) {
      for (std::size_t i = 0; i < kStreams; ++i) streams[i] = std::move(message.fds[1 + i]);
      program->input = std::move(message.fds[1 + kStreams]);
      program->output = std::move(message.fds[2 + kStreams]);
      program->error = std::move(message.fds[3 + kStreams]);
    }
    if (const Result<> started = start(*program, streams); !started)
      return answer(program->socket.get(), started.error());
    std::vector<int> fds{program->status.get()};
    if (program->pty) fds.push_back(program->pty.get());
    (void)send(program->socket.get(), encode(Started{program->pid}), fds);
    const std::uint64_t serial = ++serial_;
    watch(program->socket.get(), About::program, serial);
    watch(program->status.get(), About::status, serial);
    ++starting_;
    programs_[serial] = std::move(program);
  }

  Result<> start(Program& program, std::array<Fd, kStreams>& streams) {
    Launch plan{&program.command,
                streams[0].get(),
                streams[1].get(),
                streams[2].get(),
                false,
                parts_.user_namespace.get(),
                parts_.proc.get(),
                parts_.has_groups,
                &parts_.limits,
                parts_.filter};
    if (program.command.stdio == Command::Stdio::pty) {
      ACLOUD_TRY(streams[0], open_pty(program));
      plan.input = plan.output = plan.error = streams[0].get();
      plan.controlling_terminal = true;
    }
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return fail_errno(errno, "cannot make a pipe");
    program.status = Fd(ends[0]);
    const Fd to_parent(ends[1]);

    Fd group;
    program.group = groups_.take(group);
    clone_args arguments{};
    arguments.exit_signal = SIGCHLD;
    if (group) {
      arguments.flags = CLONE_INTO_CGROUP;
      arguments.cgroup = static_cast<std::uint64_t>(group.get());
    }
    program.pid = clone3(arguments);
    if (program.pid == 0) {
      const Error error = launch(plan);
      (void)!::write(to_parent.get(), encode_error(error).data(), encode_error(error).size());
      ::_exit(127);
    }
    program.number = program.pid;
    if (program.pid > 0) return {};
    const int number = errno;
    drop_group(program);
    return fail(ErrorCode::unavailable, "cannot start a process in the jail (are its limits reached?): {}",
                ::strerror(number));
  }

  Result<Fd> open_pty(Program& program) {
    ACLOUD_TRY(Fd master, open_file(AT_FDCWD, "/dev/pts/ptmx", O_RDWR | O_NOCTTY));
    const int unlock = 0;
    const winsize size{program.command.window.rows, program.command.window.columns, 0, 0};
    if (::ioctl(master.get(), TIOCSPTLCK, &unlock) != 0 || ::ioctl(master.get(), TIOCSWINSZ, &size) != 0) {
      return fail_errno(errno, "cannot set up a terminal");
    }
    Fd slave(::ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!slave) return fail_errno(errno, "cannot open a terminal");
    program.pty = std::move(master);
    return slave;
  }

  // Exec has closed the status pipe, or the reason why not is in it, which the server reads.
  void settle_start(Program& program) {
    if (!program.status) return;
    unwatch(program.status);
    --starting_;
  }

  // --- while it runs, and its end ---

  void serve_program(std::uint64_t serial) {
    const auto found = programs_.find(serial);
    if (found == programs_.end()) return;
    Program& program = *found->second;
    while (program.socket) {
      const Result<std::optional<Received>> message = receive(program.socket.get());
      if (!message) {  // the server died, or attached anew: not the same as Forget
        unwatch(program.socket);
        return;
      }
      if (!*message) return;
      const std::string& bytes = (*message)->bytes;
      if (const auto signal = decode<Signal>(bytes)) deliver(program, *signal);
      if (decode<CloseInput>(bytes)) program.input.reset();
      if (decode<Forget>(bytes)) {
        program.forgotten = true;
        program.input.reset();
        program.output.reset();
        program.error.reset();
        program.pty.reset();
        return drop_if_over(serial, program);
      }
    }
  }

  void deliver(const Program& program, const Signal& signal) {
    if (signal.scope == Scope::tree) {
      if (!groups_.kill(program.group) && program.pid > 0) end_family(parts_.proc.get(), program.pid);
      return;
    }
    if (program.pid <= 0) return;
    // Each program leads its own session and group.
    ::kill(signal.scope == Scope::group ? -program.pid : program.pid, signal.number);
  }

  void reap() {
    signalfd_siginfo info{};
    while (::read(children_.get(), &info, sizeof info) > 0) {
    }
    int status = 0;
    rusage usage{};
    pid_t pid = 0;
    while ((pid = ::wait4(-1, &status, WNOHANG, &usage)) > 0) {
      const auto found =
          std::ranges::find_if(programs_, [&](const auto& entry) { return entry.second->pid == pid; });
      if (found != programs_.end()) end(found->first, *found->second, status, usage);
    }
    std::erase_if(leftovers_, [&](const std::string& group) { return groups_.remove(group); });
  }

  void end(std::uint64_t serial, Program& program, int status, const rusage& usage) {
    settle_start(program);
    program.pid = -1;
    Exit exit;
    exit.code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    exit.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    const auto time = [](const timeval& value) {
      return std::chrono::seconds(value.tv_sec) + std::chrono::microseconds(value.tv_usec);
    };
    exit.cpu_time = time(usage.ru_utime) + time(usage.ru_stime);
    exit.peak_memory_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
    program.exit = exit;
    if (!program.forgotten && program.socket) (void)send(program.socket.get(), encode(Ended{exit}));
    drop_if_over(serial, program);
  }

  void drop_if_over(std::uint64_t serial, Program& program) {
    if (!program.forgotten || program.pid > 0) return;
    drop_group(program);
    unwatch(program.socket);
    programs_.erase(serial);
  }

  void drop_group(Program& program) {
    over_.push_back(std::exchange(program.group, {}));
    if (over_.size() >= kMostOver) tidy_groups();
  }

  void tidy_groups() {
    groups_.prepare();
    for (std::string& group : std::exchange(over_, {})) {
      if (!groups_.remove(group)) leftovers_.push_back(std::move(group));  // background programs are in it
    }
  }

  // --- the rest ---

  // For a new server: each program gets a new socket.
  void tell_programs(int control) {
    for (auto& [serial, program] : programs_) {
      Result<std::pair<Fd, Fd>> pair = make_socket_pair();
      if (!pair || program->forgotten) continue;
      Kept kept{program->command, program->number, ""};
      std::vector<int> fds{pair->second.get()};
      for (const auto& [name, fd] : {std::pair{'i', &program->input},
                                     {'o', &program->output},
                                     {'e', &program->error},
                                     {'p', &program->pty}}) {
        if (!*fd) continue;
        kept.ends += name;
        fds.push_back(fd->get());
      }
      if (!send(control, encode(kept), fds)) continue;
      program->socket = std::move(pair->first);
      watch(program->socket.get(), About::program, serial);
      if (program->exit) (void)send(program->socket.get(), encode(Ended{*program->exit}));
    }
    (void)send(control, encode(Done{}), std::array{kRootFolder, kUpperFolder});
  }

  void open_port(Received& message) {
    const std::optional<Port> port = decode<Port>(message.bytes);
    if (!port || message.fds.size() != 1) return;
    const int reply = message.fds[0].get();
    const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port->number);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto* where = reinterpret_cast<const sockaddr*>(&address);
    const int on = 1;
    const bool done = port->listen
                          ? ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                                ::bind(socket.get(), where, sizeof address) == 0 &&
                                ::listen(socket.get(), 128) == 0
                          : ::connect(socket.get(), where, sizeof address) == 0 || errno == EINPROGRESS;
    if (!done) {
      const ErrorCode code = errno == EADDRINUSE ? ErrorCode::conflict : ErrorCode::unavailable;
      return answer(reply,
                    Error(code, fmt::format("port {} of the sandbox: {}", port->number, ::strerror(errno))));
    }
    const int fd = socket.get();
    (void)send(reply, encode(Done{}), std::span(&fd, 1));
  }

  void answer(int socket, const Error& error) { (void)send(socket, encode_error(error)); }

  InitParts parts_;
  ProgramGroups groups_;
  Fd epoll_, children_;
  std::uint64_t serial_ = 0;
  std::size_t starting_ = 0;  // programs that have yet to exec
  std::map<std::uint64_t, Fd> controls_;
  std::map<std::uint64_t, std::unique_ptr<Program>> programs_;
  std::vector<std::string> over_;       // groups of forgotten programs
  std::vector<std::string> leftovers_;  // groups of forgotten programs in which something still runs
  std::optional<Clock::time_point> orphaned_;
};

}  // namespace

// Everything else that was open is not for a jail.
Result<> close_all_but(std::vector<int> kept) {
  std::ranges::sort(kept);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int stream = 0; stream < 3; ++stream) {
    if (null < 0 || ::dup2(null, stream) < 0) return fail_errno(errno, "cannot let go of the streams");
  }
  unsigned from = 3;
  for (const int fd : kept) {
    if (static_cast<unsigned>(fd) > from) ::close_range(from, static_cast<unsigned>(fd) - 1, 0);
    from = std::max(from, static_cast<unsigned>(fd) + 1);
  }
  ::close_range(from, ~0u, 0);
  return {};
}

Result<> say_hello(InitParts& init, const Hello& hello) {
  ACLOUD_TRY(const Fd root, open_file(AT_FDCWD, "/", O_PATH | O_DIRECTORY));
  const Fd self(open_pidfd(::getpid()));
  if (!self) return fail_errno(errno, "cannot open init");
  // Before anybody knows of the jail, who might freeze it.
  if (::dup3(root.get(), kRootFolder, O_CLOEXEC) < 0 ||
      ::dup3(init.written.get(), kUpperFolder, O_CLOEXEC) < 0)
    return fail_errno(errno, "cannot keep the jail's folders");
  init.written = Fd(kUpperFolder);
  const std::array fds{kRootFolder, self.get(), kUpperFolder};
  return send(init.control.get(), encode(hello), fds);
}

void run_init(InitParts parts) {
  ::prctl(PR_SET_NAME, "acloud-init", 0, 0, 0);
  Init(std::move(parts)).run();
}

}  // namespace acloud::sandbox::jail
