#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "sandbox/jail/connection.h"
#include "sandbox/jail/embedded_spawner.h"
#include "sandbox/jail/kernel/syscalls.h"
#include "sandbox/jail/kernel/users.h"
#include "sandbox/jail/record.h"
#include "sandbox/jail/state.h"

namespace acloud::sandbox::jail {
namespace {

using namespace std::chrono_literals;

constexpr int kSocketBuffer = 4 << 20;  // some thousand requests
constexpr int kStartPatience = 30'000;  // ms
constexpr int kEndPatience = 10'000;    // ms
constexpr auto kBusyPause = 1ms;
constexpr auto kCleanUp = 30s;

// The spawner's bytes as a program that nobody can change.
Result<Fd> spawner_program() {
  const std::span<const char> bytes = embedded_spawner();
  Fd file(::memfd_create("acloud-spawner", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return fail_errno(errno, "cannot make the spawner's file");
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t size = ::write(file.get(), bytes.data() + done, bytes.size() - done);
    if (size <= 0) return fail_errno(errno, "cannot fill the spawner's file");
    done += static_cast<std::size_t>(size);
  }
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
    return fail_errno(errno, "cannot seal the spawner's file");
  }
  return file;
}

// posix_spawn, not fork: the server has threads.
Result<pid_t> start_spawner(int its_end) {
  ACLOUD_TRY(const Fd program, spawner_program());
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, its_end, STDIN_FILENO);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  const std::string path = fmt::format("/proc/self/fd/{}", program.get());
  std::string name = "acloud-spawner", home = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  std::array<char*, 2> argv{name.data(), nullptr}, env{home.data(), nullptr};
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, path.c_str(), &actions, &attributes, argv.data(), env.data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0) return fail_errno(error, "cannot start the spawner");
  return pid;
}

Result<Received> wait_blocking(int socket) {
  pollfd waiting{socket, POLLIN, 0};
  if (::poll(&waiting, 1, kStartPatience) <= 0)
    return fail(ErrorCode::unavailable, "the spawner does not start");
  ACLOUD_TRY(std::optional<Received> received, receive(socket));
  if (!received) return fail(ErrorCode::unavailable, "the spawner does not start");
  return *std::move(received);
}

}  // namespace

// --- the spawner ---------------------------------------------------------------------------------------

Task<Result<Fd>> SpawnerLink::ask(std::string bytes, async::Deadline by) const {
  ACLOUD_CO_TRY(auto sockets, make_socket_pair());
  const int theirs = sockets.second.get();
  while (true) {
    const Result<> sent = send(socket_.get(), bytes, std::span(&theirs, 1));
    if (sent) co_return std::move(sockets.first);
    // Full or gone: the socket says which.
    pollfd state{socket_.get(), 0, 0};
    if (::poll(&state, 1, 0) > 0)
      co_return fail(ErrorCode::unavailable, "the spawner is gone: restart the server");
    if (sent.error().code() != ErrorCode::unavailable) co_return std::unexpected(sent.error());
    if (by.passed(async::EventLoop::current()->now()))
      co_return fail(ErrorCode::deadline_exceeded, "the spawner is busy");
    ACLOUD_CO_CHECK(co_await async::sleep_for(kBusyPause));
  }
}

void SpawnerLink::shut_down() const { ::shutdown(socket_.get(), SHUT_RDWR); }

Task<Result<>> SpawnerLink::order(Order order, async::Deadline by) const {
  ACLOUD_CO_TRY(const Fd reply, co_await ask(encode(order), by));
  ACLOUD_CO_TRY(const auto done,
                co_await async::with_deadline(by, "an order to the spawner", await_reply<Done>(reply.get())));
  co_return Result<>();
}

// --- the host ------------------------------------------------------------------------------------------

Result<std::unique_ptr<Host>> Host::start(Options options) {
  ACLOUD_TRY(auto sockets, make_socket_pair());
  // Best effort: a smaller buffer makes requests wait in ask().
  (void)::setsockopt(sockets.first.get(), SOL_SOCKET, SO_SNDBUF, &kSocketBuffer, sizeof kSocketBuffer);
  auto state = std::make_unique<State>();
  std::error_code error;
  std::filesystem::create_directories(options.folder, error);
  state->folder = std::filesystem::canonical(options.folder, error);
  if (error) return fail(ErrorCode::unavailable, "cannot make {}: {}", options.folder, error.message());

  ACLOUD_TRY(state->pid, start_spawner(sockets.second.get()));
  sockets.second.reset();
  const int socket = sockets.first.get();
  state->spawner = std::make_shared<SpawnerLink>(std::move(sockets.first));
  std::unique_ptr<Host> host(new Host(std::move(state)));
  ACLOUD_CHECK(
      send(socket, encode(Start{host->state_->folder, options.prepared, options.as_root, options.runtime})));
  ACLOUD_TRY(const Received received, wait_blocking(socket));
  if (const auto failure = decode<Failure>(received.bytes))
    return std::unexpected(Error(failure->code, failure->message));
  const auto ready = decode<Ready>(received.bytes);
  if (!ready) return fail(ErrorCode::internal, "the spawner gave an unexpected answer");
  host->state_->report = nlohmann::json::parse(ready->report).get<Report>();
  if (host->state_->report.privileged)
    host->state_->cgroups = Cgroups::find_for_reading(cgroup_name(host->state_->folder));
  return host;
}

Host::Host(std::unique_ptr<State> state) : state_(std::move(state)) {}

Host::~Host() {
  if (!state_->spawner || state_->pid <= 0) return;
  // It removes what no jail needs any more, which takes it a moment.
  state_->spawner->shut_down();
  const Fd ended(open_pidfd(state_->pid));
  pollfd waiting{ended.get(), POLLIN, 0};
  if (!ended || ::poll(&waiting, 1, kEndPatience) <= 0) ::kill(state_->pid, SIGKILL);
  ::waitpid(state_->pid, nullptr, 0);
}

const Report& Host::report() const { return state_->report; }

Task<Result<std::unique_ptr<Jail>>> Host::State::hear_from_new(Spec spec, Fd control) {
  ACLOUD_CO_TRY(auto reply, co_await await_reply<Hello>(control.get()));
  if (reply.second.size() != 3)
    co_return fail(ErrorCode::internal, "init of jail {} gave an unexpected answer", spec.id);
  auto state = std::make_unique<Jail::State>();
  state->id = std::move(spec.id);
  state->folder = jail_folder(state->id);
  state->limits = spec.limits;
  state->first_id = reply.first.first_id;
  state->group = std::move(reply.first.group);
  state->id_count = report.privileged ? kIdsPerJail - 1 : 1;
  state->control = std::move(control);
  state->root = std::make_shared<const Fd>(std::move(reply.second[0]));
  state->init = std::move(reply.second[1]);
  state->written = std::move(reply.second[2]);
  state->cgroups = cgroups;
  state->spawner = spawner;
  co_return std::unique_ptr<Jail>(new Jail(std::move(state)));
}

Task<Result<std::unique_ptr<Jail>>> Host::create(Spec spec, async::Deadline by) {
  const std::string id = spec.id;
  ACLOUD_CO_TRY(Fd control, co_await state_->spawner->ask(encode(Create{spec}), by));
  auto made = co_await async::with_deadline(by, "making a jail",
                                            state_->hear_from_new(std::move(spec), std::move(control)));
  if (!made &&
      (made.error().code() == ErrorCode::deadline_exceeded || made.error().code() == ErrorCode::cancelled)) {
    // It may be made yet, and nobody would know of it. The order is carried out without anyone awaiting it.
    const Order order{Order::What::destroy, id, {}};
    (void)co_await state_->spawner->ask(encode(order), async::Deadline::after(kCleanUp)).with_stop({});
  }
  co_return made;
}

Result<std::vector<std::string>> Host::survivors() const {
  std::set<std::string> ids, known;
  // Twice, since jails are made ahead, handed over and removed meanwhile: what has groups has a folder before
  // and after.
  const auto look = [&]() -> Result<> {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(state_->folder + "/jails", error)) {
      known.insert(group_of(entry.path()));
      if (!is_spare(entry.path().filename().string())) ids.insert(entry.path().filename());
    }
    if (error) return fail(ErrorCode::internal, "cannot list {}/jails: {}", state_->folder, error.message());
    return {};
  };
  ACLOUD_CHECK(look());
  const std::vector<std::string> groups = state_->cgroups.list();
  ids.clear();
  ACLOUD_CHECK(look());
  for (const std::string& group : groups) {
    if (!known.contains(group)) ids.insert(group);  // all that is left of some jail
  }
  return std::vector(ids.begin(), ids.end());
}

Task<Result<std::unique_ptr<Jail>>> Host::attach(std::string id, async::Deadline by) {
  if (!is_jail_id(id)) co_return fail(ErrorCode::invalid_argument, "'{}' is no id of a jail", id);
  ACLOUD_CO_TRY(const Record record, read_record(state_->jail_folder(id)));
  ACLOUD_CO_TRY(Survivor survivor, connect_init(state_->jail_folder(id)));
  auto state = std::make_unique<Jail::State>();
  state->id = id;
  state->folder = state_->jail_folder(id);
  state->limits = record.limits;
  state->first_id = record.first_id;
  state->group = record.group;
  state->id_count = state_->report.privileged ? kIdsPerJail - 1 : 1;
  state->init = std::move(survivor.init);
  state->cgroups = state_->cgroups;
  state->spawner = state_->spawner;
  state->list_pending = true;
  if (const Result<bool> frozen = state->cgroups.is_frozen(record.group); frozen && *frozen) {
    co_return std::unique_ptr<Jail>(new Jail(std::move(state)));
  }
  state->control = std::move(survivor.socket);
  Result<> answered = send(state->control.get(), encode(Attach{}));
  if (answered)
    answered = co_await async::with_deadline(by, "listing a jail's programs", state->receive_list());
  // It was there to be connected with, and then was not. Or this server is out of descriptors.
  pollfd init{state->control.get(), POLLRDHUP, 0};
  if (!answered && ::poll(&init, 1, 0) == 1 && (init.revents & (POLLHUP | POLLRDHUP))) {
    co_return fail(ErrorCode::not_found, "jail {} has just ended", id);
  }
  ACLOUD_CO_CHECK(std::move(answered));
  if (!state->root) co_return fail(ErrorCode::not_found, "the root of jail {} is gone", id);
  co_return std::unique_ptr<Jail>(new Jail(std::move(state)));
}

Task<Result<>> Host::destroy(std::string id, async::Deadline by) {
  return state_->spawner->order({Order::What::destroy, std::move(id), {}}, by);
}

}  // namespace acloud::sandbox::jail
