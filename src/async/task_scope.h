// Background tasks that live no longer than their scope. Whoever starts one owns the scope; before the
// scope goes, join() must have returned, so no task outlives what it refers to.
#pragma once

#include <memory>
#include <vector>

#include "async/detached.h"
#include "async/task.h"
#include "async/wait.h"

namespace acloud::async {

class TaskScope {
 public:
  TaskScope() = default;
  // REQUIRES: no task runs: join() was awaited, or nothing was spawned. Aborts otherwise.
  ~TaskScope();
  TaskScope(const TaskScope&) = delete;
  TaskScope& operator=(const TaskScope&) = delete;

  // Starts `task` on the running loop, with the scope's stop token: it runs up to its first wait before this
  // returns. Loop thread only. An exception that leaves the task is a bug: it ends the process.
  void spawn(Task<void> task);
  // Stops the scope's token: every wait in its tasks ends with `cancelled`. Loop thread only.
  void cancel() { source_.request_stop(); }
  // Waits until all tasks are done. Does not cancel them; is itself not cut short by cancellation.
  // REQUIRES: one join at a time.
  Task<> join();
  std::size_t running() const { return running_; }
  std::stop_token stop_token() const { return source_.get_token(); }

 private:
  class Join;
  static detail::Detached run(std::stop_token stop, Task<void> task, TaskScope& scope);

  std::stop_source source_;
  std::size_t running_ = 0;
  EventLoop* loop_ = nullptr;  // of the joining task
  std::coroutine_handle<> joining_;
};

// Awaits all, concurrently on this loop; the first error cancels the others and is returned.
template <class T>
Task<Result<std::vector<T>>> all(std::vector<Task<Result<T>>> tasks);
Task<Result<>> all(std::vector<Task<Result<>>> tasks);

}  // namespace acloud::async

#include "async/task_scope_inl.h"
