#include "async/wait.h"

#include <pthread.h>

namespace acloud::async {
namespace {

class Sleep {
 public:
  explicit Sleep(Instant when) : when_(when) {}
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> task) {
    const std::stop_token& token = task.promise().stop_token();
    if (token.stop_requested()) return false;
    waiter_.suspend(task);
    timer_ = EventLoop::current()->call_at(when_, [this] {
      if (!waiter_.claim()) return;
      passed_ = true;
      waiter_.resume();
    });
    waiter_.claim_on_stop(token);
    return true;
  }
  Result<> await_resume() {
    waiter_.resumed();
    timer_.cancel();
    if (!passed_) return cancelled();
    return {};
  }

 private:
  Instant when_;
  bool passed_ = false;
  detail::Waiter waiter_;
  EventLoop::Timer timer_;
};

struct NextTurn {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> task) const { EventLoop::current()->resume(task); }
  void await_resume() const noexcept {}
};

// Where a duration would leave the clock's range, the deadline never comes.
Instant saturating_add(Instant now, Duration duration) {
  return duration > Instant::max() - now ? Instant::max() : now + duration;
}

}  // namespace

Deadline Deadline::after(Duration duration) {
  return Deadline(saturating_add(EventLoop::current()->now(), duration));
}

Task<Result<>> sleep_until(Instant when) { co_return co_await Sleep(when); }

Task<Result<>> sleep_for(Duration duration) {
  co_return co_await Sleep(saturating_add(EventLoop::current()->now(), duration));
}

Task<> yield() { co_await NextTurn(); }

std::unexpected<Error> cancelled() {
  return std::unexpected(Error(ErrorCode::cancelled, "the caller went away"));
}

namespace detail {

DeadlineStop::DeadlineStop(Deadline deadline, const std::stop_token& parent)
    : forward_(parent, Forward{source_}), timer_(EventLoop::current()->call_at(deadline.when(), [this] {
        if (source_.stop_requested()) return;
        expired_ = true;
        source_.request_stop();
      })) {}

std::unexpected<Error> not_done_in_time(std::string_view what) {
  return fail(ErrorCode::deadline_exceeded, "{} was not done in time", what);
}

}  // namespace detail

BlockingPool::BlockingPool(std::string_view name, std::size_t threads) {
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { work(); });
    pthread_setname_np(threads_.back().native_handle(), fmt::format("{:.12}-{}", name, i).c_str());
  }
}

BlockingPool::~BlockingPool() {
  for (std::size_t i = 0; i < threads_.size(); ++i) more_.post();
}

std::size_t BlockingPool::queued() const {
  const std::lock_guard lock(mutex_);
  return queued_;
}

void BlockingPool::submit(Job& job) {
  {
    const std::lock_guard lock(mutex_);
    (last_ ? last_->next : first_) = &job;
    last_ = &job;
    ++queued_;
  }
  more_.post();
}

BlockingPool::Job* BlockingPool::take() {
  more_.wait();
  const std::lock_guard lock(mutex_);
  Job* job = first_;
  if (job == nullptr) return nullptr;
  first_ = job->next;
  if (!first_) last_ = nullptr;
  --queued_;
  return job;
}

void BlockingPool::work() {
  while (Job* job = take()) job->run();
}

}  // namespace acloud::async
