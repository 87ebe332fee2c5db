// Jails made ahead, how they are given away, and the makers that make them. How many: pool.h.
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "sandbox/jail/kernel/syscalls.h"
#include "sandbox/jail/record.h"
#include "sandbox/jail/spawner/maker.h"
#include "sandbox/jail/spawner/parts.h"
#include "sandbox/jail/spawner/spawner.h"

namespace acloud::sandbox::jail {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMakers = 4, kBuriers = 3;  // most of their time is waiting
constexpr std::size_t kTasksEach = 2;             // the next one is there when the last is done

std::uint32_t first_slot_of(const std::string& folder) {
  // Servers of one machine start at different places, so that their ids rarely meet. Walls don't rest on it.
  return static_cast<std::uint32_t>(std::hash<std::string>{}(folder) % kSlots);
}

// What spare jails are made from: all that it can't be given later is as whoever asks for nothing has it.
bool is_usual(const Spec& spec) {
  const Spec usual;
  return spec.image.layers.empty() && spec.image.host_usr && spec.binds.empty() &&
         spec.hostname == usual.hostname && has_usual_disk(spec.limits);
}

}  // namespace

Result<> Spawner::find_slots() {
  next_slot_ = first_slot_of(folder_);
  if (::getrandom(&run_, sizeof run_, 0) != sizeof run_) return fail_errno(errno, "there is no randomness");
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/jails", error)) {
    // A folder without a record was left before its jail had any process.
    if (const Result<Record> record = read_record(entry.path())) slots_.insert(record->slot);
    // Those that the last spawner had to spare have ended with it, or are about to.
    if (const std::string name = entry.path().filename(); is_spare(name)) give_up(name);
  }
  if (error) return fail(ErrorCode::internal, "cannot list {}/jails: {}", folder_, error.message());
  return {};
}

Result<std::uint32_t> Spawner::take_slot() {
  for (std::uint32_t tried = 0; tried < kSlots; ++tried) {
    const std::uint32_t slot = next_slot_;
    next_slot_ = (next_slot_ + 1) % kSlots;
    if (slots_.insert(slot).second) return slot;
  }
  return fail(ErrorCode::unavailable, "all {} uid ranges are in use", kSlots);
}

std::string Spawner::next_group() { return fmt::format("{:016x}-{}", run_, ++next_group_); }

// --- giving away ----------------------------------------------------------------------------------------

bool Spawner::hand_over(const Spec& spec, Fd& reply) {
  if (spares_.empty() || !is_usual(spec)) return false;
  const std::string name = spares_.front();
  Jail& jail = jails_[name];
  const auto named = [&]() -> Result<> {
    if (!(spec.limits == Limits{})) {
      ACLOUD_CHECK(common_.cgroups.set_limits(jail.group, spec.limits));
      ACLOUD_CHECK(
          write_record(jail_folder(name), {jail.hello->first_id, *jail.slot, spec.limits, jail.group}));
    }
    // From here on it is found by its id, whatever happens to us.
    if (::renameat2(AT_FDCWD, jail_folder(name).c_str(), AT_FDCWD, jail_folder(spec.id).c_str(),
                    RENAME_NOREPLACE) != 0) {
      return fail_errno(errno, "cannot name a jail");
    }
    return {};
  }();
  if (!named) {
    give_up(name);
    return false;  // and made anew, which tells of what is wrong
  }
  spares_.pop_front();
  auto node = jails_.extract(name);
  node.key() = spec.id;
  Jail& taken = jails_.insert(std::move(node)).position->second;
  watched_[taken.init.get()] = spec.id;
  const int theirs = reply.get();
  const std::array fds{taken.root.get(), taken.init.get(), taken.written.get()};
  Result<> given =
      send(taken.control.get(), encode(Serve{spec.limits, spec.orphan_grace}), std::span(&theirs, 1));
  if (given) given = send(reply.get(), encode(*taken.hello), fds);
  if (!given) {
    taken.failure = encode_error(given.error());
    work_.push_back({{Order::What::destroy, spec.id, {}}, std::move(reply), Clock::now() + kPatience});
  }
  taken.control.reset();
  taken.hello.reset();
  taken.root.reset();
  taken.written.reset();
  return true;
}

// It has made itself known to its server, whom we are.
void Spawner::greet_spare(const std::string& name) {
  Jail& jail = jails_[name];
  Result<std::optional<Received>> message = receive(jail.control.get());
  if (!message || !*message || (*message)->fds.size() != 3) return give_up(name);
  jail.hello = decode<Hello>((*message)->bytes);
  if (!jail.hello) return give_up(name);
  jail.root = std::move((*message)->fds[0]);
  jail.written = std::move((*message)->fds[2]);
  spares_.push_back(name);
}

void Spawner::give_up(const std::string& name) {
  std::erase(spares_, name);
  const bool known = std::ranges::any_of(work_, [&](const Work& work) { return work.order.id == name; });
  if (!known) work_.push_back({{Order::What::destroy, name, {}}, Fd(), Clock::now() + kPatience});
}

// --- makers ---------------------------------------------------------------------------------------------

std::size_t Spawner::count_helpers(Helper::Task task) const {
  return static_cast<std::size_t>(std::ranges::count(helpers_, task, &Helper::task));
}

bool Spawner::start_helper(Helper::Task task) {
  Result<std::pair<Fd, Fd>> sockets = make_socket_pair();
  if (!sockets) return false;
  Helper helper{.task = task, .pid = ::fork(), .socket = std::move(sockets->first)};
  if (helper.pid < 0) return false;
  if (helper.pid == 0) run_maker(common_, disks_, folder_, std::move(sockets->second));
  watch(helper.socket.get());
  if (task == Helper::Task::make && !stock(helper)) {
    lose_helper(helper);
    return false;
  }
  helpers_.push_back(std::move(helper));
  return true;
}

Result<> Spawner::stock(Helper& helper) {
  ACLOUD_TRY(helper.slot, take_slot());
  return send(helper.socket.get(), encode(Stock{*helper.slot}));
}

Spawner::Helper* Spawner::free_maker() {
  Helper* free = nullptr;
  for (Helper& helper : helpers_) {
    if (helper.task != Helper::Task::make || !helper.slot || helper.making.size() >= kTasksEach) continue;
    if (free == nullptr || helper.making.size() < free->making.size()) free = &helper;
  }
  return free;
}

void Spawner::order(const Spec& spec, std::string name, Fd control, Fd server) {
  Helper& helper = *free_maker();
  Jail& jail = jails_[name];
  jail.making = true;
  jail.group = is_spare(name) ? name.substr(1) : next_group();
  jail.slot = std::exchange(helper.slot, std::nullopt);
  jail.server = std::move(server);
  const int theirs = control.get();
  helper.making.push_back(name);
  Result<> told = send(helper.socket.get(), encode(Make{spec, name, jail.group}), std::span(&theirs, 1));
  if (told) told = stock(helper);  // for the one after this
  if (!told) lose_helper(helper);
}

void Spawner::order_waiting() {
  while (!waiting_.empty()) {
    if (count_helpers(Helper::Task::make) == 0 && !start_helper(Helper::Task::make)) {
      fail_to_make(waiting_.front().spec.id,
                   encode(Failure{ErrorCode::unavailable, "no process can be started to make a jail"}));
      waiting_.pop_front();
      continue;
    }
    if (free_maker() == nullptr) return;
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    Fd control(::fcntl(next.reply.get(), F_DUPFD_CLOEXEC, 3));
    order(next.spec, next.spec.id, std::move(control), std::move(next.reply));
  }
}

void Spawner::hear_helper(Helper& helper) {
  while (helper.socket) {
    Result<std::optional<Received>> message = receive(helper.socket.get());
    if (!message || (*message && helper.making.empty())) return lose_helper(helper);
    if (!*message) return;
    const std::string name = std::move(helper.making.front());
    helper.making.pop_front();
    hear_made(name, **message);
  }
}

void Spawner::hear_made(const std::string& name, Received& message) {
  const std::optional<Made> made = decode<Made>(message.bytes);
  if (!made || message.fds.size() != 2) return fail_to_make(name, message.bytes);
  Jail& jail = jails_[name];
  jail.making = false;
  jail.pid = made->pid;
  jail.init = std::move(message.fds[0]);
  jail.verdict = std::move(message.fds[1]);
  watch(jail.verdict.get(), name);
  watch(jail.init.get(), name);
}

// Nothing of it is left.
void Spawner::fail_to_make(const std::string& name, const std::string& failure) {
  auto node = jails_.extract(name);
  if (node.mapped().slot) slots_.erase(*node.mapped().slot);
  (void)send(node.mapped().server.get(), failure);
  if (is_spare(name)) refill_after_ = Clock::now() + kPoolPause;
}

// How far it had come is not known.
void Spawner::lose_helper(Helper& helper) {
  unwatch(helper.socket);
  ::kill(helper.pid, SIGKILL);
  ::waitpid(helper.pid, nullptr, 0);
  orphans_ = true;
  if (helper.slot) slots_.erase(*std::exchange(helper.slot, std::nullopt));
  refill_after_ = Clock::now() + kPoolPause;
  for (const std::string& name : std::exchange(helper.making, {})) {
    Jail& jail = jails_[name];
    jail.making = false;
    jail.failure = encode(Failure{ErrorCode::unavailable, "the process that was making the jail has ended"});
    work_.push_back({{Order::What::destroy, name, {}}, std::move(jail.server), Clock::now() + kPatience});
  }
}

void Spawner::bury(const std::string& group, Fd root, Fd written) {
  Helper* helper = nullptr;
  for (Helper& each : helpers_) {
    if (each.task != Helper::Task::bury || !each.socket) continue;
    if (helper == nullptr || each.buried < helper->buried) helper = &each;
  }
  if (helper != nullptr) {
    ++helper->buried;
    std::vector<int> fds;
    if (root && written) fds = {root.get(), written.get()};
    if (send(helper->socket.get(), encode(Bury{group}), fds)) return;
  }
  if (group.empty()) return;
  // Nobody is there to do it. What is still dying the next spawner removes.
  if (!common_.cgroups.remove(group)) return;
  std::error_code error;
  std::filesystem::remove_all(jail_folder(spare_name(group)), error);
}

// --- how many -------------------------------------------------------------------------------------------

std::size_t Spawner::spares_being_made() const {
  std::size_t count = 0;
  for (auto at = jails_.lower_bound(spare_name("")); at != jails_.end() && is_spare(at->first); ++at) {
    if (at->second.making || at->second.verdict) ++count;
  }
  return count;
}

bool Spawner::can_refill() const {
  return !server_gone_ && report_.available && Clock::now() >= refill_after_;
}

bool Spawner::has_idle_maker() const {
  return std::ranges::any_of(helpers_, [](const Helper& helper) {
    return helper.task == Helper::Task::make && helper.slot && helper.making.empty();
  });
}

int Spawner::patience() const {
  const Clock::time_point now = Clock::now();
  const std::size_t goal = wanted(demand_, pool_, now), spares = spares_.size() + spares_being_made();
  const bool helped = helpers_.size() == kMakers + kBuriers;
  if (spares_.size() > goal || (can_refill() && !helped)) return 0;
  const bool settled = spares == goal && goal <= pool_.least && helped;
  int wait = settled || !report_.available ? -1 : static_cast<int>(milliseconds(kPoolPause).count());
  if (can_refill() && spares < goal && has_idle_maker()) {
    const auto rest = std::chrono::ceil<milliseconds>(refill_at(demand_, spares, goal) - now);
    wait = static_cast<int>(std::clamp(rest, milliseconds(0), kPoolRest).count());
  }
  return work_.empty() ? wait : sooner(wait, 1);
}

void Spawner::tend_pool() {
  const std::size_t goal = wanted(demand_, pool_, Clock::now());
  if (spares_.size() > goal) return give_up(std::string(spares_.front()));
  if (!can_refill()) return;
  bool done = true;
  if (count_helpers(Helper::Task::make) < kMakers) {
    done = start_helper(Helper::Task::make);
  } else if (count_helpers(Helper::Task::bury) < kBuriers) {
    done = start_helper(Helper::Task::bury);
  } else if (const std::size_t spares = spares_.size() + spares_being_made();
             spares < goal && has_idle_maker() && Clock::now() >= refill_at(demand_, spares, goal)) {
    done = order_spare();
  }
  if (!done) refill_after_ = Clock::now() + kPoolPause;
}

bool Spawner::order_spare() {
  Result<std::pair<Fd, Fd>> sockets = make_socket_pair();
  if (!sockets) return false;
  Spec usual;
  usual.orphan_grace = {};
  const std::string name = spare_name(next_group());
  jails_[name].control = std::move(sockets->first);
  order(usual, name, std::move(sockets->second), Fd());
  return true;
}

}  // namespace acloud::sandbox::jail
