#include "async/event_loop.h"

#include <pthread.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <cassert>
#include <condition_variable>
#include <cstdio>
#include <map>
#include <mutex>

#include "async/asio.h"

namespace acloud::async {
namespace {

using Callbacks = std::vector<EventLoop::Callback>;

thread_local EventLoop* current_loop = nullptr;

// So many rounds of callbacks run before the loop looks for I/O again: a look is a system call, while
// tasks that hand work to one another come back every round.
constexpr int kRoundsBetweenLooks = 16;

// The Asio half of a loop in the machine's time.
struct Io {
  // One thread runs the context: Asio then queues what that thread posts without a lock or a wake-up.
  boost::asio::io_context context{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{context.get_executor()};
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

  // Of the other threads.
  std::mutex mutex;
  std::condition_variable posted;  // for virtual time, which has no Asio to sleep in
  Callbacks remote;
  std::atomic<bool> has_remote{false};

  Instant now() const { return manual ? manual->instant() : std::chrono::steady_clock::now(); }

  // Wakes under the mutex: once the loop has taken the callback, whoever owns it may destroy it.
  void post_remote(Callback callback) {
    const std::lock_guard lock(mutex);
    remote.push_back(std::move(callback));
    has_remote.store(true, std::memory_order_release);
    // One wake-up serves all that is posted before the loop comes to take it.
    if (remote.size() == 1) wake();
  }

  void wake() {
    if (io) {
      boost::asio::post(io->context, [] {});
    } else {
      posted.notify_one();
    }
  }

  void take_remote() {
    if (!has_remote.load(std::memory_order_acquire)) return;
    const std::lock_guard lock(mutex);
    // Before what is local: it was posted before this round.
    local.insert(local.begin(), std::make_move_iterator(remote.begin()),
                 std::make_move_iterator(remote.end()));
    remote.clear();
    has_remote.store(false, std::memory_order_relaxed);
  }

  // Runs what is queued now; what that posts waits for the next round.
  bool run_round() {
    take_remote();
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
      io->context.poll();
    } else if (timers.empty()) {
      io->context.run_one();
    } else {
      io->context.run_one_until(timers.begin()->first.first);
    }
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
    posted.wait(lock, [this] { return !remote.empty() || stopped; });
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
  const std::lock_guard lock(impl_->mutex);  // stop() is done with the loop
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
}

void EventLoop::stop() {
  const std::lock_guard lock(impl_->mutex);
  impl_->stopped = true;
  impl_->wake();
}

void EventLoop::post(Callback callback) {
  if (current_loop == this) {
    impl_->local.push_back(std::move(callback));
  } else {
    impl_->post_remote(std::move(callback));
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

LoopThreads::LoopThreads(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) loops_.push_back(std::make_unique<EventLoop>());
  for (std::size_t i = 0; i < count; ++i) {
    threads_.emplace_back([loop = loops_[i].get()] { loop->run(); });
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
