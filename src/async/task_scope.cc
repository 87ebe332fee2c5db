#include "async/task_scope.h"

namespace acloud::async {

class TaskScope::Join {
 public:
  explicit Join(TaskScope& scope) : scope_(scope) {}
  bool await_ready() const { return scope_.running_ == 0; }
  void await_suspend(std::coroutine_handle<> task) {
    if (scope_.joining_) detail::bug("a task scope was joined twice at once");
    scope_.loop_ = EventLoop::current();
    scope_.joining_ = task;
  }
  void await_resume() { scope_.joining_ = nullptr; }

 private:
  TaskScope& scope_;
};

TaskScope::~TaskScope() {
  if (running_ != 0) detail::bug("a task scope went while its tasks ran; await join() first");
}

void TaskScope::spawn(Task<void> task) {
  ++running_;
  run(source_.get_token(), std::move(task), *this);
}

detail::Detached TaskScope::run(std::stop_token, Task<void> task, TaskScope& scope) {
  {
    // The task's frame goes before the scope may.
    Task<void> owned = std::move(task);
    co_await std::move(owned);
  }
  if (--scope.running_ == 0 && scope.joining_) scope.loop_->resume(scope.joining_);
}

Task<> TaskScope::join() {
  // Again, since a task may have been spawned before the joining task had its turn.
  while (running_ != 0) co_await Join(*this);
}

namespace {

Task<> watch(Task<Result<>> task, detail::FailTogether& together) {
  if (Result<> result = co_await std::move(task); !result) together.failed(std::move(result).error());
}

}  // namespace

Task<Result<>> all(std::vector<Task<Result<>>> tasks) {
  detail::FailTogether together(co_await this_stop_token());
  for (Task<Result<>>& task : tasks) together.scope().spawn(watch(std::move(task), together));
  co_await together.scope().join();
  if (together.first()) co_return std::unexpected(*std::move(together.first()));
  co_return Result<>();
}

}  // namespace acloud::async
