#include "async/event_loop.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cassert>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <map>
#include <mutex>

#include "async/asio.h"
#include "async/machine_load.h"
#include "async/short_poll.h"

namespace acloud::async {
namespace {

using Callbacks = std::vector<EventLoop::Callback>;

thread_local EventLoop* current_loop = nullptr;

// So many rounds of callbacks run before the loop looks for I/O again: a look is a system call, while
// tasks that hand work to one another come back every round.
constexpr int kRoundsBetweenLooks = 16;
constexpr int kHandlersAtOnce = 64;  // of I/O, before the rest has its turn
constexpr int kNicer = 10;           // than other threads: see go_first

// The Asio half of a loop in the machine's time. Other threads reach it by its bell alone, an eventfd: to
// post to Asio they would have to hold its mutex while they wake the loop, which then often takes the
// processor from them and waits for the mutex until they have it back.
class Io {
 public:
  boost::asio::io_context context{1};

  Io() { hear(); }

  // Any thread.
  void ring() const {
    const std::uint64_t one = 1;
    (void)!::write(fd_, &one, sizeof one);  // fails only where it has been rung 2^64 times
  }

 private:
  void hear() {
    bell_.async_read_some(boost::asio::buffer(heard_), [this](const auto& error, std::size_t) {
      if (!error) hear();
    });
  }

  int fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::array<char, sizeof(std::uint64_t)> heard_{};
  boost::asio::posix::stream_descriptor bell_{context, fd_};  // owns fd_
};

// Callbacks from other threads, in the order of their coming, without a lock: whoever was interrupted while
// he adds one keeps nobody waiting.
class Mailbox {
 public:
  Mailbox() = default;
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox() {
    for (Letter* letter = last_.load(); letter != nullptr;) delete std::exchange(letter, letter->before);
  }

  bool empty() const { return last_.load() == nullptr; }

  void add(EventLoop::Callback callback) {
    auto* const letter = new Letter{std::move(callback), last_.load(std::memory_order_relaxed)};
    while (!last_.compare_exchange_weak(letter->before, letter)) {
    }
  }

  // Puts all before what is in `callbacks`. Of the loop's thread.
  void take(Callbacks& callbacks) {
    std::size_t count = 0;
    Letter* const all = last_.exchange(nullptr);
    for (const Letter* letter = all; letter != nullptr; letter = letter->before) ++count;
    Callbacks taken(count);
    for (Letter* letter = all; letter != nullptr; delete std::exchange(letter, letter->before))
      taken[--count] = std::move(letter->callback);
    callbacks.insert(callbacks.begin(), std::make_move_iterator(taken.begin()),
                     std::make_move_iterator(taken.end()));
  }

 private:
  struct Letter {
    EventLoop::Callback callback;
    Letter* before;
  };
  std::atomic<Letter*> last_{nullptr};
};

}  // namespace

struct EventLoop::Impl {
  explicit Impl(ManualClock* clock) : manual(clock) {
    if (!manual) io.emplace();
  }

  ManualClock* manual;
  std::optional<Io> io;
  std::atomic<bool> stopped{false};
  std::atomic<std::size_t> external{0};

  // Of the loop's thread.
  Callbacks local;
  Callbacks round;
  std::map<Timer::Key, Callback> timers;
  std::uint64_t timers_made = 0;
  ShortPoll short_poll;

  // Of all threads.
  Mailbox mailbox;
  std::atomic<bool> asleep{false};          // or about to be: whoever posts has to wake it
  std::atomic<std::size_t> others_here{0};  // threads that are in call_from_outside()
  std::mutex mutex;                         // for virtual time, which has no Asio to sleep in
  std::condition_variable posted;

  Instant now() const { return manual ? manual->instant() : std::chrono::steady_clock::now(); }

  // Runs `action` on another thread than the loop's, and wakes the loop. Once the loop has seen the action's
  // effect whoever owns it may destroy it: it ends only when nobody is here any more.
  void call_from_outside(auto&& action) {
    others_here.fetch_add(1);
    action();
    wake();
    others_here.fetch_sub(1);
  }

  void wake() {
    if (manual) {
      const std::lock_guard lock(mutex);  // not between the sleeper's look and his sleep
      posted.notify_one();
    } else if (asleep.exchange(false)) {
      io->ring();
    }
  }

  void wait_for_others() const {
    while (others_here.load() != 0) std::this_thread::yield();
  }

  // Runs what is queued now; what that posts waits for the next round.
  bool run_round() {
    // Before what is local: it was posted before this round.
    if (!mailbox.empty()) mailbox.take(local);
    if (local.empty()) return false;
    std::swap(local, round);
    for (Callback& callback : round) callback();
    round.clear();
    return true;
  }

  bool fire_due_timers() {
    if (timers.empty()) return false;
    const Instant until = now();
    if (timers.begin()->first.first > until) return false;
    while (!timers.empty() && timers.begin()->first.first <= until) {
      auto due = timers.extract(timers.begin());
      due.mapped()();
    }
    return true;
  }

  // One turn of a loop in the machine's time: callbacks, then timers, then I/O, sleeping if there is none,
  // unless `done` was set.
  void turn(const auto& done) {
    int rounds = 0;
    while (rounds < kRoundsBetweenLooks && run_round()) ++rounds;
    fire_due_timers();
    if (done) return;
    if (!local.empty()) {
      look();
      return;
    }
    if (short_poll.worth_it() && !processors_are_wanted() && poll_shortly()) return;
    asleep = true;  // and only then is looked once more: what comes later rings
    if (done || !mailbox.empty()) {
      look();
    } else {
      const Instant begin = now();
      if (timers.empty()) {
        io->context.run_one();
      } else {
        io->context.run_one_until(timers.begin()->first.first);
      }
      short_poll.slept(now() - begin);
    }
    asleep = false;
  }

  // Does what I/O is ready, but not for ever: a handler may make the next one ready. Whether any was.
  bool look() {
    int handlers = 0;
    while (handlers < kHandlersAtOnce && io->context.poll_one() != 0) ++handlers;
    return handlers != 0;
  }

  // Whether something came meanwhile: I/O, a post or a timer's time.
  bool poll_shortly() {
    const Instant begin = now();
    for (Instant at = begin; at - begin < ShortPoll::kLongest; at = now()) {
      if (!look() && mailbox.empty() && (timers.empty() || timers.begin()->first.first > at)) continue;
      short_poll.found();
      return true;
    }
    short_poll.found_nothing();
    return false;
  }

  // One turn in virtual time. False where nothing is left to do.
  bool virtual_turn() {
    if (run_round() || fire_due_timers()) return true;
    if (external != 0) {
      wait_for_post();
      return true;
    }
    if (timers.empty()) return false;
    manual->advance(timers.begin()->first.first - manual->instant());
    return true;
  }

  void wait_for_post() {
    std::unique_lock lock(mutex);
    posted.wait(lock, [this] { return !mailbox.empty() || stopped; });
  }
};

namespace {

// Marks the loop as this thread's while it runs.
class Running {
 public:
  explicit Running(EventLoop* loop) {
    if (current_loop) detail::bug("a loop was run inside a loop; await the task instead");
    current_loop = loop;
  }
  ~Running() { current_loop = nullptr; }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
};

}  // namespace

EventLoop::EventLoop() : impl_(std::make_unique<Impl>(nullptr)) {}
EventLoop::EventLoop(ManualClock& clock) : impl_(std::make_unique<Impl>(&clock)) {}
EventLoop::~EventLoop() = default;

void EventLoop::run() {
  const Running running(this);
  while (!impl_->stopped) {
    if (!impl_->manual) {
      impl_->turn(impl_->stopped);
    } else if (!impl_->virtual_turn()) {
      break;
    }
  }
  impl_->wait_for_others();
  impl_->stopped = false;
}

void EventLoop::run_until(const bool& done) {
  const Running running(this);
  while (!done) {
    if (!impl_->manual) {
      impl_->turn(done);
    } else if (!impl_->virtual_turn()) {
      impl_->wait_for_post();  // the task waits for another thread
    }
  }
  impl_->wait_for_others();
}

void EventLoop::stop() {
  impl_->call_from_outside([this] { impl_->stopped = true; });
}

void EventLoop::post(Callback callback) {
  if (current_loop == this) {
    impl_->local.push_back(std::move(callback));
  } else {
    impl_->call_from_outside([&] { impl_->mailbox.add(std::move(callback)); });
  }
}

void EventLoop::resume(std::coroutine_handle<> coroutine) {
  post([coroutine] { coroutine.resume(); });
}

Instant EventLoop::now() const { return impl_->now(); }

EventLoop::Timer EventLoop::call_at(Instant when, Callback callback) {
  const Timer::Key key{when, impl_->timers_made++};
  impl_->timers.emplace(key, std::move(callback));
  return Timer(impl_.get(), key);
}

EventLoop* EventLoop::current() { return current_loop; }

void EventLoop::Timer::erase() { std::exchange(loop_, nullptr)->timers.erase(key_); }

EventLoop::ExternalWork::ExternalWork(EventLoop& loop) : loop_(loop) { ++loop_.impl().external; }
EventLoop::ExternalWork::~ExternalWork() { --loop_.impl().external; }

boost::asio::io_context& io_context(EventLoop& loop) {
  assert(loop.impl().io);
  return loop.impl().io->context;
}

namespace {

// A loop works for microseconds at a time and everybody waits for it, so where the machine is full it goes
// before what runs for long: sandboxes, engines, compression. Left as it is where the process has no right to
// (RLIMIT_NICE, CAP_SYS_NICE).
void go_first() {
  errno = 0;
  const int nice = ::getpriority(PRIO_PROCESS, 0);  // of this thread, on Linux
  if (errno == 0) ::setpriority(PRIO_PROCESS, 0, nice - kNicer);
}

}  // namespace

LoopThreads::LoopThreads(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) loops_.push_back(std::make_unique<EventLoop>());
  for (std::size_t i = 0; i < count; ++i) {
    threads_.emplace_back([loop = loops_[i].get()] {
      go_first();
      loop->run();
    });
    pthread_setname_np(threads_.back().native_handle(), fmt::format("acloud-loop-{}", i).c_str());
  }
}

LoopThreads::~LoopThreads() {
  for (const auto& loop : loops_) loop->stop();
  threads_.clear();
}

EventLoop& LoopThreads::next() {
  return *loops_[next_.fetch_add(1, std::memory_order_relaxed) % loops_.size()];
}

namespace detail {

void bug(std::string_view what) {
  fmt::print(stderr, "acloud: bug: {}\n", what);
  std::fflush(stderr);
  std::abort();
}

void Detached::promise_type::unhandled_exception() const noexcept {
  try {
    throw;
  } catch (const std::exception& exception) {
    bug(fmt::format("an exception left a background task: {}", exception.what()));
  } catch (...) {
    bug("an exception left a background task");
  }
}

}  // namespace detail
}  // namespace acloud::async
