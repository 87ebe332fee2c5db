// One event loop for one thread: it runs posted callbacks, timers, and the I/O of src/net.
//
// Tasks, sockets, timers and channels' waiters belong to the loop they were started on and are touched on
// its thread alone; other threads reach them by post().
#pragma once

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "async/task.h"
#include "base/clock.h"

namespace acloud::async {

class EventLoop {
 public:
  using Callback = std::move_only_function<void()>;

  // Runs in the machine's time.
  EventLoop();
  // Runs in virtual time: when nothing is left to run, `clock` jumps to the next timer at once. For
  // deterministic tests and simulation; has no I/O.
  explicit EventLoop(ManualClock& clock);
  // REQUIRES: the loop does not run, and no timer of it is still held. What was posted is dropped.
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Runs on this thread until stop() (in virtual time: also until nothing is left to do). A stop() that came
  // before ends it at once.
  void run();
  void stop();                                     // thread-safe
  void post(Callback callback);                    // thread-safe; runs in the order of posting
  void resume(std::coroutine_handle<> coroutine);  // thread-safe: post() without an allocation of its own
  Instant now() const;

  // A timer. Loop thread only. The handle cancels when destroyed. Timers of one moment fire in the order
  // they were made.
  class Timer;
  Timer call_at(Instant when, Callback callback);

  // While one lives, virtual time stands still, since another thread will post what comes next.
  class ExternalWork;

  // Runs `task` on this thread, with the loop, until it is done. For main, tests and benchmarks.
  // REQUIRES: the loop is not running. Rethrows what the task throws.
  template <class T>
  T run_until_done(Task<T> task);

  // The loop that runs on this thread, or null.
  static EventLoop* current();

  struct Impl;  // src/net reaches the Asio context through it: async/asio.h
  Impl& impl() { return *impl_; }

 private:
  void run_until(const bool& done);
  std::unique_ptr<Impl> impl_;
};

class EventLoop::Timer {
 public:
  Timer() = default;
  Timer(Timer&& other) noexcept : loop_(std::exchange(other.loop_, nullptr)), key_(other.key_) {}
  Timer& operator=(Timer&& other) noexcept {
    if (this == &other) return *this;
    cancel();
    loop_ = std::exchange(other.loop_, nullptr);
    key_ = other.key_;
    return *this;
  }
  ~Timer() { cancel(); }
  // Does nothing where it has fired.
  void cancel() {
    if (loop_) erase();
  }

 private:
  friend class EventLoop;
  using Key = std::pair<Instant, std::uint64_t>;
  Timer(Impl* loop, Key key) : loop_(loop), key_(key) {}
  void erase();

  Impl* loop_ = nullptr;
  Key key_{};
};

class EventLoop::ExternalWork {
 public:
  explicit ExternalWork(EventLoop& loop);
  ~ExternalWork();
  ExternalWork(const ExternalWork&) = delete;
  ExternalWork& operator=(const ExternalWork&) = delete;

 private:
  EventLoop& loop_;
};

// Runs `task` on `loop`, which runs on another thread, and blocks until it is done. For threads that have no
// loop of their own: main, tests. REQUIRES: the calling thread runs no loop. Rethrows what the task throws.
template <class T>
T run_on(EventLoop& loop, Task<T> task);

// `count` threads, each with its loop, named "acloud-loop-N".
class LoopThreads {
 public:
  // REQUIRES: count >= 1.
  explicit LoopThreads(std::size_t count);
  ~LoopThreads();  // stops and joins
  std::size_t size() const { return loops_.size(); }
  EventLoop& at(std::size_t i) { return *loops_[i]; }
  EventLoop& next();  // round robin, thread-safe

 private:
  std::vector<std::unique_ptr<EventLoop>> loops_;
  std::vector<std::jthread> threads_;
  std::atomic<std::size_t> next_{0};
};

}  // namespace acloud::async

#include "async/event_loop_inl.h"
