// What a task can wait for. Every wait ends early with Error `cancelled` when the task's stop token is
// stopped, on the task's own loop.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "async/event_loop.h"
#include "async/task.h"
#include "async/waiter.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/semaphore.h"

namespace acloud::async {

// A moment by which something must be done; never() never comes.
class Deadline {
 public:
  static Deadline never() { return Deadline(Instant::max()); }
  static Deadline at(Instant when) { return Deadline(when); }
  static Deadline after(Duration duration);  // from the running loop's now
  Instant when() const { return when_; }
  bool is_never() const { return when_ == Instant::max(); }
  bool passed(Instant now) const { return now >= when_; }
  Deadline earlier(Deadline other) const { return Deadline(std::min(when_, other.when_)); }

 private:
  explicit Deadline(Instant when) : when_(when) {}
  Instant when_;
};

// Errors: cancelled.
Task<Result<>> sleep_until(Instant when);
Task<Result<>> sleep_for(Duration duration);
// Lets other tasks of the loop run first.
Task<> yield();

// What a wait gives whose task was stopped.
std::unexpected<Error> cancelled();

// Runs `task`, cancelled at `deadline`; then the error is deadline_exceeded, saying `what` was not done.
// A task that is done all the same gives its result, however late. REQUIRES: `what` outlives the task, as a
// literal does.
template <class T>
Task<Result<T>> with_deadline(Deadline deadline, std::string_view what, Task<Result<T>> task);

// A value that is set once, from any thread, and awaited by at most one task, which is resumed on its own
// loop:  auto value = co_await shot.wait();   gives Result<T>. The two ends are copies that share the state,
// so either may go first. Errors: cancelled, when the task was stopped first; a later set() is then ignored.
template <class T>
class OneShot {
 public:
  OneShot() : state_(std::make_shared<State>()) {}
  // False where a value was set before. Thread-safe.
  bool set(T value);
  // REQUIRES: waited for once.
  auto wait() const { return Wait(state_); }
  // The same as a task, for with_deadline() and all().
  Task<Result<T>> wait_task() const;

 private:
  struct State;
  class Wait;
  std::shared_ptr<State> state_;  // shared by the two ends
};

// Threads for work that blocks: SQLite, file copies, name look-ups. Their number is fixed. What waits for a
// thread lives in the frame of the task that waits, so the queue is as long as tasks are many and needs no
// memory of its own; bound the tasks to bound it.
class BlockingPool {
 public:
  // The threads are called "NAME-0" and so on; `name` has at most 12 letters. REQUIRES: threads >= 1.
  BlockingPool(std::string_view name, std::size_t threads);
  // REQUIRES: no task waits for it.
  ~BlockingPool();
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;
  // How much waits for a thread.
  std::size_t queued() const;

  // A piece of work, linked into the queue. REQUIRES: lives until run() was called, on a pool's thread.
  struct Job {
    Job* next = nullptr;
    virtual void run() noexcept = 0;

   protected:
    ~Job() = default;
  };
  void submit(Job& job);

 private:
  void work();

  Job* take();

  mutable std::mutex mutex_;
  Semaphore more_;  // one for each job, and one for each thread when it is to end
  Job* first_ = nullptr;
  Job* last_ = nullptr;
  std::size_t queued_ = 0;
  std::vector<std::jthread> threads_;
};

// Runs `work` on a thread of `pool` and resumes on the calling loop. The work itself can't be interrupted,
// so this returns when it is done, even if the task was stopped meanwhile. Rethrows what the work throws.
template <class F>
auto run_blocking(BlockingPool& pool, F work) -> Task<std::invoke_result_t<F>>;

}  // namespace acloud::async

#include "async/wait_inl.h"
