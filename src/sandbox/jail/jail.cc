#include "sandbox/jail/jail.h"

#include <fcntl.h>
#include <sys/statfs.h>

#include <array>
#include <csignal>

#include "net/socket.h"
#include "sandbox/jail/connection.h"
#include "sandbox/jail/init/init.h"
#include "sandbox/jail/kernel/syscalls.h"
#include "sandbox/jail/record.h"
#include "sandbox/jail/state.h"

namespace acloud::sandbox::jail {
namespace {

constexpr std::uint32_t kNobody = 65'534;
constexpr std::size_t kMaxCommand = 128 * 1024;
constexpr std::size_t kMaxFailure = 4096;              // PIPE_BUF: written as one
constexpr std::chrono::milliseconds kBetweenLooks{1};  // whether those who were killed are dead

Result<> check(const Command& command, std::uint32_t users) {
  std::size_t size = command.cwd.size() + command.label.size();
  bool text = command.cwd.find('\0') == std::string::npos;
  const auto count = [&](const std::string& part) {
    size += part.size() + 1;
    text &= part.find('\0') == std::string::npos;
  };
  for (const std::string& argument : command.argv) count(argument);
  for (const auto& [name, value] : command.env) {
    count(name);
    count(value);
    if (name.empty() || name.find('=') != std::string::npos) {
      return fail(ErrorCode::invalid_argument, "'{}' is no name of an environment variable", name);
    }
  }
  if (command.argv.empty() || command.argv[0].empty())
    return fail(ErrorCode::invalid_argument, "there is no program to run");
  if (!text) return fail(ErrorCode::invalid_argument, "a command can't hold zero bytes");
  if (!command.cwd.starts_with('/'))
    return fail(ErrorCode::invalid_argument, "cwd '{}' must be absolute", command.cwd);
  if (size > kMaxCommand)
    return fail(ErrorCode::too_large, "a command of {} bytes: at most {}; put it into a file", size,
                kMaxCommand);
  if (command.uid >= users || command.gid >= users) {
    return fail(ErrorCode::invalid_argument, "user {} and group {}: this jail has ids below {}", command.uid,
                command.gid, users);
  }
  return {};
}

// The program's ends and ours, of stdin, stdout and stderr.
struct Pipes {
  std::array<Fd, 3> theirs, ours;
};
Result<Pipes> make_pipes() {
  Pipes pipes;
  for (std::size_t i = 0; i < 3; ++i) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "cannot make a pipe");
    const bool input = i == 0;
    pipes.theirs[i] = Fd(ends[input ? 0 : 1]);
    pipes.ours[i] = Fd(ends[input ? 1 : 0]);
    ::fcntl(pipes.ours[i].get(), F_SETFL, O_NONBLOCK);
  }
  return pipes;
}

// A program that has been started: Started, and its pty if it has one.
struct Begun {
  int pid = 0;
  Fd pty;
};
// When exec has succeeded. Errors: why it has not; unavailable (init is gone), cancelled.
Task<Result<Begun>> await_exec(int socket) {
  ACLOUD_CO_TRY(auto reply, co_await await_reply<Started>(socket));
  auto& [started, fds] = reply;
  if (fds.empty()) co_return fail(ErrorCode::internal, "init tells nothing of the program");
  std::array<char, kMaxFailure> text{};
  ssize_t size = -1;
  while ((size = ::read(fds[0].get(), text.data(), text.size())) < 0) {
    if (errno != EAGAIN && errno != EINTR) co_return fail_errno(errno, "cannot hear of the program");
    ACLOUD_CO_CHECK(co_await net::wait_readable(fds[0].get()));
  }
  if (size > 0) {
    const auto failure = decode<Failure>(std::string(text.data(), static_cast<std::size_t>(size)));
    if (!failure) co_return fail(ErrorCode::internal, "the program does not say why it failed");
    co_return std::unexpected(Error(failure->code, failure->message));
  }
  Begun begun{started.pid, {}};
  if (fds.size() > 1) begun.pty = std::move(fds[1]);
  co_return begun;
}

// As init has them, whether or not it runs.
struct Folders {
  Fd root, upper;
};
// Errors: unavailable (no descriptors are left); internal (without root's rights, or init is gone).
Result<Folders> open_folders(const Fd& init) {
  const auto copy = [&](int number) {
    return Fd(static_cast<int>(::syscall(SYS_pidfd_getfd, init.get(), number, 0)));
  };
  Folders folders{copy(kRootFolder), copy(kUpperFolder)};
  if (!folders.root || !folders.upper) return fail_errno(errno, "cannot open the folders of a jail");
  return folders;
}

}  // namespace

Jail::Jail(std::unique_ptr<State> state) : state_(std::move(state)) {}
Jail::~Jail() = default;

Jail::State::~State() {
  if (!spawner || !root || !written) return;
  const std::array fds{root->get(), written.get()};
  spawner->tell(encode(Release{id, group}), fds);
}

const std::string& Jail::id() const { return state_->id; }
const Limits& Jail::limits() const { return state_->limits; }
std::shared_ptr<const Fd> Jail::root() const { return state_->root; }
Result<Fd> Jail::written() const {
  Fd copy(::fcntl(state_->written.get(), F_DUPFD_CLOEXEC, 3));
  if (copy) return copy;
  if (state_->control)
    return fail(ErrorCode::precondition_failed, "jail {} does not say what was written", id());
  ACLOUD_TRY(Folders folders, open_folders(state_->init));
  return std::move(folders.upper);
}

std::uint32_t Jail::host_id(std::uint32_t inside) const {
  return state_->first_id + (inside < state_->id_count ? inside : state_->id_count - 1);
}
std::uint32_t Jail::inside_id(std::uint32_t host) const {
  return host - state_->first_id < state_->id_count ? host - state_->first_id : kNobody;
}

std::uint32_t Jail::id_count() const { return state_->id_count; }

Task<Result<std::unique_ptr<Process>>> Jail::exec(Command command, async::Deadline by, Fd input) {
  ACLOUD_CO_CHECK(check(command, state_->id_count));
  ACLOUD_CO_TRY(auto sockets, make_socket_pair());
  auto state = std::make_unique<Process::State>();
  state->socket = std::move(sockets.first);
  Pipes pipes;
  std::vector<int> fds{sockets.second.get()};
  if (command.stdio == Command::Stdio::pipes) {
    ACLOUD_CO_TRY(pipes, make_pipes());
    if (input) pipes.theirs[0] = std::move(input);
    for (const Fd& fd : pipes.theirs) fds.push_back(fd.get());
    for (const Fd& fd : pipes.ours) fds.push_back(fd.get());
  }
  const Execute request{std::move(command)};
  ACLOUD_CO_CHECK(send(state_->control.get(), encode(request), fds));
  sockets.second.reset();
  pipes.theirs = {};
  state->command = request.command;
  // From here on the program may be running: whoever leaves early ends it. A Process that is destroyed
  // forgets it only.
  const int socket = state->socket.get();
  std::unique_ptr<Process> process(new Process(std::move(state)));
  auto started = co_await async::with_deadline(by, "starting a program", await_exec(socket));
  if (!started) {
    (void)process->signal(SIGKILL, Scope::tree);
    co_return std::unexpected(std::move(started).error());
  }
  process->state_->pid = started->pid;
  process->input = std::move(pipes.ours[0]);
  process->output = std::move(pipes.ours[1]);
  process->error = std::move(pipes.ours[2]);
  process->pty = std::move(started->pty);
  co_return process;
}

std::vector<std::unique_ptr<Process>> Jail::take_processes() { return std::exchange(state_->kept, {}); }

Task<Result<>> Jail::State::receive_list() {
  while (list_pending) {
    ACLOUD_CO_TRY(Received received, co_await await_message(control.get()));
    if (received.kind() == Done::kKind) {
      if (!root && !received.fds.empty()) root = std::make_shared<const Fd>(std::move(received.fds[0]));
      if (received.fds.size() > 1) written = std::move(received.fds[1]);
      list_pending = false;
      break;
    }
    std::optional<Kept> item = decode<Kept>(received.bytes);
    if (!item || received.fds.size() != item->ends.size() + 1) {
      co_return fail(ErrorCode::internal, "init of jail {} gave an unexpected list", id);
    }
    auto state = std::make_unique<Process::State>();
    state->command = std::move(item->command);
    state->pid = item->pid;
    state->socket = std::move(received.fds[0]);
    std::unique_ptr<Process> process(new Process(std::move(state)));
    for (std::size_t i = 0; i < item->ends.size(); ++i) {
      const char end = item->ends[i];
      Fd& place = end == 'i'   ? process->input
                  : end == 'o' ? process->output
                  : end == 'e' ? process->error
                               : process->pty;
      place = std::move(received.fds[i + 1]);
    }
    kept.push_back(std::move(process));
  }
  co_return Result<>();
}

Task<Result<Fd>> Jail::State::port(Port request, async::Deadline by) {
  ACLOUD_CO_TRY(auto sockets, make_socket_pair());
  const int theirs = sockets.second.get();
  ACLOUD_CO_CHECK(send(control.get(), encode(request), std::span(&theirs, 1)));
  sockets.second.reset();
  ACLOUD_CO_TRY(auto reply, co_await async::with_deadline(by, "opening a port of the jail",
                                                          await_reply<Done>(sockets.first.get())));
  if (reply.second.empty()) co_return fail(ErrorCode::internal, "init of jail {} gave no socket", id);
  co_return std::move(reply.second[0]);
}

Task<Result<Fd>> Jail::listen(std::uint16_t port, async::Deadline by) {
  return state_->port({true, port}, by);
}
Task<Result<Fd>> Jail::connect(std::uint16_t port, async::Deadline by) {
  return state_->port({false, port}, by);
}

Task<Result<>> Jail::freeze(async::Deadline by) {
  return state_->spawner->order({Order::What::freeze, state_->id, {}}, by);
}

Task<Result<>> Jail::thaw(async::Deadline by) {
  ACLOUD_CO_CHECK(state_->hold());  // before it is thawed: an init whom nobody serves may end at once
  ACLOUD_CO_CHECK(co_await state_->spawner->order({Order::What::thaw, state_->id, {}}, by));
  if (state_->list_pending)
    co_return co_await async::with_deadline(by, "listing a jail's programs", state_->receive_list());
  co_return Result<>();
}

void Jail::rest() {
  if (!state_->control || !open_folders(state_->init)) return;  // they might not be had again
  state_->root.reset();
  state_->written.reset();
  state_->control.reset();
}

Result<> Jail::State::hold() {
  if (control) return {};
  ACLOUD_TRY(Folders folders, open_folders(init));
  ACLOUD_TRY(Survivor survivor, connect_init(folder));
  ACLOUD_CHECK(send(survivor.socket.get(), list_pending ? encode(Attach{}) : encode(Adjust{limits})));
  root = std::make_shared<const Fd>(std::move(folders.root));
  written = std::move(folders.upper);
  control = std::move(survivor.socket);
  return {};
}

Task<Result<>> Jail::end_programs(async::Deadline by) {
  ACLOUD_CO_CHECK(state_->cgroups.kill_programs(state_->group));
  const auto dead = [](State& state) -> Task<Result<>> {
    while (state.cgroups.has_programs(state.group)) {
      if (!co_await async::sleep_for(kBetweenLooks)) co_return fail(ErrorCode::cancelled, "cancelled");
    }
    co_return Result<>();
  };
  co_return co_await async::with_deadline(by, "ending a jail's programs", dead(*state_));
}

Task<Result<>> Jail::set_limits(const Limits& limits, async::Deadline by) {
  Limits next = limits;
  next.disk_bytes = state_->limits.disk_bytes;
  next.disk_inodes = state_->limits.disk_inodes;
  next.open_files = state_->limits.open_files;
  ACLOUD_CO_CHECK(co_await state_->spawner->order({Order::What::set_limits, state_->id, next}, by));
  state_->limits = next;
  if (!state_->control) co_return Result<>();  // as it rests: it is told when it is thawed
  co_return send(state_->control.get(), encode(Adjust{next}));
}

Result<Stats> Jail::stats() const {
  Stats stats;
  state_->cgroups.read_stats(state_->group, stats);
  Folders folders;  // while it rests
  if (!state_->root) {
    ACLOUD_TRY(folders, open_folders(state_->init));
  }
  struct statfs disk{};
  if (::fstatfs((state_->root ? *state_->root : folders.root).get(), &disk) != 0)
    return fail(ErrorCode::unavailable, "jail {} has gone", state_->id);
  stats.disk_bytes = (disk.f_blocks - disk.f_bfree) * static_cast<std::uint64_t>(disk.f_bsize);
  stats.disk_inodes = disk.f_files - disk.f_ffree;
  return stats;
}

Task<Result<>> Jail::ended() { return net::wait_readable(state_->init.get()); }

}  // namespace acloud::sandbox::jail
