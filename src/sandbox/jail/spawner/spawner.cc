#include "sandbox/jail/spawner/spawner.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>

#include "sandbox/jail/kernel/syscalls.h"
#include "sandbox/jail/record.h"
#include "sandbox/jail/volatile_folder.h"

namespace acloud::sandbox::jail {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto kWindUp = 8s;             // for the end of all spare jails
constexpr int kAsideAgainMs = 110;       // more than the kernel makes such requests wait
constexpr timespec kMoment{0, 500'000};  // how long others may be kept waiting for one to freeze

void answer(const Fd& reply, const Result<>& result) {
  (void)send(reply.get(), result ? encode(Done{}) : encode_error(result.error()));
}

// Where the kernel shares processors between sessions, this one gets less than the server's in a burst: its
// helpers alone are as many as the processors and more, and all wait for the server. Jails are sessions and
// groups of their own, to which this does not come down. sched(7), "The autogroup feature". False where it is
// to be tried again: of those without privileges one in the whole machine may do so in a tenth of a second.
bool stand_aside() {
  const Fd own(::open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC));
  constexpr std::string_view kNice = "10";
  return ::write(own.get(), kNice.data(), kNice.size()) >= 0 || errno != EAGAIN;
}

bool has_ended(const Fd& init) {
  pollfd waiting{init.get(), POLLIN, 0};
  return ::poll(&waiting, 1, 0) > 0;
}

}  // namespace

void Spawner::run() {
  watch(server_.get());
  std::array<epoll_event, 64> events{};
  std::optional<Clock::time_point> end;
  bool aside = stand_aside();
  while (!server_gone_ || (!jails_are_idle() && Clock::now() < *end)) {
    const int wait = aside ? patience() : sooner(patience(), kAsideAgainMs);
    const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), wait);
    aside = aside || stand_aside();
    for (int i = 0; i < count; ++i) hear(events[static_cast<std::size_t>(i)].data.fd);
    std::erase_if(work_, [&](Work& work) { return advance(work); });
    std::erase_if(helpers_, [](const Helper& helper) { return !helper.socket; });
    order_waiting();
    if (common_.runtime || orphans_) reap_orphans();
    if (count == 0 || server_gone_) tend_pool();
    if (!server_gone_ || end) continue;
    wind_up();
    end = Clock::now() + kWindUp;
  }
  // They end when they have done what they were told.
  for (Helper& helper : helpers_) helper.socket.reset();
  for (const Helper& helper : helpers_) ::waitpid(helper.pid, nullptr, 0);
  // Still under the folder's lock: the next spawner's groups are not taken away.
  common_.cgroups.remove_parents();
  Disks::clear(folder_);
  remove_volatile_folder(folder_ + "/jails");
}

// Keys are descriptors: what they were about is looked up, since an earlier event may have closed it.
void Spawner::hear(int fd) {
  if (fd == server_.get()) return serve();
  const auto helper =
      std::ranges::find_if(helpers_, [&](const Helper& each) { return each.socket.get() == fd; });
  if (helper != helpers_.end()) return hear_helper(*helper);
  const auto watched = watched_.find(fd);
  if (watched == watched_.end()) return;
  const std::string name = watched->second;
  const auto found = jails_.find(name);
  if (found == jails_.end()) return;
  if (found->second.init.get() == fd) return init_ended(name);
  if (found->second.verdict.get() == fd) return hear_verdict(name);
}

// Nobody will take what is spare or was waited for.
void Spawner::wind_up() {
  unwatch(server_);
  for (const Waiting& waiting : std::exchange(waiting_, {})) jails_.erase(waiting.spec.id);
  pool_ = {};
}

// Nothing is left that only we would clear away.
bool Spawner::jails_are_idle() const {
  return work_.empty() && std::ranges::none_of(jails_, [](const auto& entry) {
           return is_spare(entry.first) || entry.second.making || entry.second.verdict;
         });
}

// Inits of containers, whose parent was the runtime, and those of makers that were killed. Others are left to
// those who await them.
void Spawner::reap_orphans() {
  siginfo_t ended{};
  while (::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid > 0) {
    const pid_t pid = ended.si_pid;
    if (std::ranges::any_of(jails_, [&](const auto& entry) { return entry.second.pid == pid; }) ||
        std::ranges::any_of(helpers_, [&](const Helper& helper) { return helper.pid == pid; }))
      return;
    ::waitpid(pid, nullptr, 0);
    ended = {};
  }
}

void Spawner::watch(int fd, const std::string& jail) {
  if (!jail.empty()) watched_[fd] = jail;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
}

// By its name: what forked meanwhile has a copy of the descriptor until it closes it, and as long as there is
// one, closing ours does not end the watch. Its events would then be taken for those of whatever has the
// number by now.
void Spawner::unwatch(Fd& fd) {
  if (fd) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd.get(), nullptr);
  watched_.erase(fd.get());
  fd.reset();
}

void Spawner::serve() {
  while (true) {
    Result<std::optional<Received>> message = receive(server_.get());
    if (!message) {
      server_gone_ = true;
      return;
    }
    if (!*message) return;
    if ((*message)->kind() == Create::kKind) create(**message);
    if ((*message)->kind() == Release::kKind) let_go(**message);
    if ((*message)->kind() == Order::kKind) take_order(**message);
  }
}

// --- making a jail ------------------------------------------------------------------------------------

void Spawner::create(Received& message) {
  const std::optional<Create> request = decode<Create>(message.bytes);
  if (!request || message.fds.size() != 1) return;
  Fd reply = std::move(message.fds[0]);
  if (!report_.available) return answer(reply, fail(ErrorCode::precondition_failed, "{}", report_.problem));
  if (const Result<> fine = check(request->spec); !fine) return answer(reply, fine);
  const Spec& spec = request->spec;
  if (jails_.contains(spec.id))
    return answer(reply, fail(ErrorCode::conflict, "there is a jail {} already", spec.id));
  demand_ = after_take(demand_, Clock::now());
  if (hand_over(spec, reply)) return;
  jails_[spec.id].making = true;
  waiting_.push_back({spec, std::move(reply)});
}

void Spawner::let_go(Received& message) {
  const std::optional<Release> release = decode<Release>(message.bytes);
  if (!release || message.fds.size() != 2) return;
  const auto found = jails_.find(release->id);
  if (found != jails_.end() && found->second.group == release->group) {
    // As long as we keep them, the jail's end does not wait for its disk's.
    found->second.root = std::move(message.fds[0]);
    found->second.written = std::move(message.fds[1]);
  } else {
    bury({}, std::move(message.fds[0]), std::move(message.fds[1]));
  }
}

void Spawner::hear_verdict(const std::string& name) {
  Jail& jail = jails_[name];
  std::array<char, 4096> text{};
  const ssize_t size = ::read(jail.verdict.get(), text.data(), text.size());
  if (size < 0 && errno == EAGAIN) return;
  unwatch(jail.verdict);
  if (size > 0) jail.failure.assign(text.data(), static_cast<std::size_t>(size));
  if (jail.failure == "ok" || (jail.unwanted && jail.failure.empty())) {
    jail.failure.clear();
    jail.server.reset();
    return is_spare(name) ? greet_spare(name) : void();
  }
  if (jail.failure.empty()) {
    jail.failure = encode(Failure{ErrorCode::unavailable, "the jail's init was killed while it was made"});
  }
  // Nothing of it may be left when the server hears of it.
  work_.push_back({{Order::What::destroy, name, {}}, std::move(jail.server), Clock::now() + kPatience});
  if (is_spare(name)) refill_after_ = Clock::now() + kPoolPause;
}

void Spawner::init_ended(const std::string& id) {
  Jail& jail = jails_[id];
  if (!has_ended(jail.init)) return;   // an event of one whose descriptor had this number before
  if (jail.verdict) hear_verdict(id);  // died in the making, and the two came together
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, jail.init.get(), nullptr);
  if (jail.pid > 0) ::waitpid(jail.pid, nullptr, 0);
  jail.pid = -1;
  // That was the builder: init is found by its socket.
  if (common_.runtime) unwatch(jail.init);
  if (is_spare(id)) give_up(id);
}

// --- orders -------------------------------------------------------------------------------------------

void Spawner::take_order(Received& message) {
  const std::optional<Order> order = decode<Order>(message.bytes);
  if (!order || message.fds.size() != 1) return;
  Fd reply = std::move(message.fds[0]);
  if (!is_jail_id(order->id))
    return answer(reply, fail(ErrorCode::invalid_argument, "'{}' is no id of a jail", order->id));
  Work work{*order, std::move(reply), Clock::now() + kPatience};
  if (order->what == Order::What::destroy) {
    if (const auto found = jails_.find(order->id); found != jails_.end()) found->second.unwanted = true;
    // Killed at once, also where others are waited for.
    if (const Result<Fd> init = find_init(order->id)) signal_pidfd(init->get(), SIGKILL);
  }
  if (!advance(work)) work_.push_back(std::move(work));
}

bool Spawner::advance(Work& work) {
  const Order& order = work.order;
  Result<bool> done = true;
  switch (order.what) {
    case Order::What::destroy:
      done = destroy(order.id);
      break;
    case Order::What::freeze:
    case Order::What::thaw:
      done = set_frozen(order.id, order.what == Order::What::freeze);
      break;
    case Order::What::set_limits:
      if (const Result<> set = common_.cgroups.set_limits(group_of(order.id), order.limits); !set)
        done = std::unexpected(set.error());
      break;
  }
  if (done && !*done && Clock::now() < work.give_up) return false;
  if (!done) {
    answer(work.reply, std::unexpected(done.error()));
  } else if (!*done) {
    answer(work.reply, fail(ErrorCode::deadline_exceeded, "jail {} does not come to rest", order.id));
  } else if (const auto failed = order.what == Order::What::destroy ? failures_.extract(order.id)
                                                                    : decltype(failures_)::node_type()) {
    (void)send(work.reply.get(), failed.mapped());
  } else {
    answer(work.reply, {});
  }
  return true;
}

std::string Spawner::group_of(const std::string& id) const {
  if (const auto found = jails_.find(id); found != jails_.end() && !found->second.group.empty())
    return found->second.group;
  return jail::group_of(jail_folder(id));
}

Result<Fd> Spawner::find_init(const std::string& id) const {
  if (const auto found = jails_.find(id); found != jails_.end() && found->second.init) {
    Fd copy(::fcntl(found->second.init.get(), F_DUPFD_CLOEXEC, 3));
    if (copy) return copy;
  }
  ACLOUD_TRY(Survivor survivor, connect_init(jail_folder(id)));
  return std::move(survivor.init);
}

Result<bool> Spawner::destroy(const std::string& id) {
  const auto found = jails_.find(id);
  if (found != jails_.end() && found->second.making) {
    found->second.unwanted = true;
    return false;
  }
  // The freezer of v1 does, so they are let go until they are dead.
  const bool holds_the_dying = common_.cgroups.freezer() == Cgroups::Version::v1;
  const bool is_child = found != jails_.end() && found->second.pid > 0;
  // Hundreds may be dying, and each event asks for all of them.
  if (is_child && found->second.killed && !holds_the_dying) return false;
  if (const Result<Fd> init = find_init(id)) {
    signal_pidfd(init->get(), SIGKILL);
    if (holds_the_dying) (void)common_.cgroups.freeze(group_of(id), false);
    if (is_child) found->second.killed = true;
    if (!has_ended(*init)) return false;
  }
  return remove_traces(id);
}

Result<bool> Spawner::remove_traces(const std::string& id) {
  const std::string group = group_of(id), grave = spare_name(group);
  // From here on the name is free, and what is left is found as what a dead spawner had to spare.
  if (!is_spare(id) && ::rename(jail_folder(id).c_str(), jail_folder(grave).c_str()) != 0 && errno != ENOENT)
    return fail_errno(errno, fmt::format("cannot remove {}", jail_folder(id)));
  Fd root, written;
  if (const auto found = jails_.find(id); found != jails_.end()) {
    if (found->second.pid > 0) ::waitpid(found->second.pid, nullptr, 0);
    if (!found->second.failure.empty()) failures_[id] = std::move(found->second.failure);
    if (found->second.slot) slots_.erase(*found->second.slot);
    root = std::move(found->second.root);
    written = std::move(found->second.written);
    unwatch(found->second.verdict);
    unwatch(found->second.init);
    jails_.erase(found);
  }
  bury(group, std::move(root), std::move(written));
  return true;
}

Result<bool> Spawner::set_frozen(const std::string& id, bool frozen) {
  const std::string group = group_of(id);
  ACLOUD_CHECK(common_.cgroups.freeze(group, frozen));
  ACLOUD_TRY(bool is, common_.cgroups.is_frozen(group));
  if (is != frozen && common_.cgroups.freezer() == Cgroups::Version::v2) {
    ACLOUD_TRY(const Fd events, common_.cgroups.open_events(group));
    pollfd change{events.get(), POLLPRI, 0};
    ::ppoll(&change, 1, &kMoment, nullptr);
    ACLOUD_TRY(is, common_.cgroups.is_frozen(group));
  }
  return is == frozen;
}

}  // namespace acloud::sandbox::jail
