// The templates of wait.h.
#pragma once

#include "async/wait.h"

namespace acloud::async {
namespace detail {

// A stop of its own for a task, which also stops when its parent does, and at a deadline.
class DeadlineStop {
 public:
  DeadlineStop(Deadline deadline, const std::stop_token& parent);
  std::stop_token token() const { return source_.get_token(); }
  // True where the deadline came before the parent's stop.
  bool expired() const { return expired_; }

 private:
  struct Forward {
    std::stop_source& source;
    void operator()() const { source.request_stop(); }
  };
  std::stop_source source_;
  std::stop_callback<Forward> forward_;
  EventLoop::Timer timer_;
  bool expired_ = false;
};

std::unexpected<Error> not_done_in_time(std::string_view what);

}  // namespace detail

template <class T>
Task<Result<T>> with_deadline(Deadline deadline, std::string_view what, Task<Result<T>> task) {
  if (deadline.is_never()) co_return co_await std::move(task);
  const detail::DeadlineStop stop(deadline, co_await this_stop_token());
  Result<T> result = co_await std::move(task).with_stop(stop.token());
  if (!result && result.error().code() == ErrorCode::cancelled && stop.expired()) {
    co_return detail::not_done_in_time(what);
  }
  co_return result;
}

template <class T>
struct OneShot<T>::State {
  std::mutex mutex;
  bool is_set = false;
  std::optional<T> value;
  detail::Waiter* waiter = nullptr;
};

template <class T>
class OneShot<T>::Wait {
 public:
  explicit Wait(std::shared_ptr<State> state) : state_(std::move(state)) {}

  bool await_ready() {
    const std::lock_guard lock(state_->mutex);
    return state_->value.has_value();
  }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> task) {
    const std::stop_token& token = task.promise().stop_token();
    if (token.stop_requested()) return false;
    waiter_.suspend(task);
    {
      const std::lock_guard lock(state_->mutex);
      if (state_->value) return false;
      state_->waiter = &waiter_;
    }
    waiter_.claim_on_stop(token);
    return true;
  }
  Result<T> await_resume() {
    waiter_.resumed();
    const std::lock_guard lock(state_->mutex);
    state_->waiter = nullptr;
    if (!state_->value) return cancelled();
    return *std::exchange(state_->value, std::nullopt);
  }

 private:
  std::shared_ptr<State> state_;
  detail::Waiter waiter_;
};

template <class T>
bool OneShot<T>::set(T value) {
  detail::Waiter* waiter = nullptr;
  {
    const std::lock_guard lock(state_->mutex);
    if (std::exchange(state_->is_set, true)) return false;
    state_->value.emplace(std::move(value));
    waiter = std::exchange(state_->waiter, nullptr);
    if (waiter && !waiter->claim()) waiter = nullptr;  // stopped; it takes the value if it still comes by
  }
  if (waiter) waiter->resume();
  return true;
}

template <class T>
Task<Result<T>> OneShot<T>::wait_task() const {
  const std::shared_ptr<State> state = state_;
  co_return co_await Wait(state);
}

namespace detail {

template <class F>
class BlockingCall final : private BlockingPool::Job {
 public:
  using T = std::invoke_result_t<F>;
  BlockingCall(BlockingPool& pool, F work) : pool_(pool), work_(std::move(work)) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> task) {
    external_.emplace(*EventLoop::current());
    waiter_.suspend(task);
    pool_.submit(*this);
  }
  T await_resume() {
    external_.reset();
    if (outcome_.exception) std::rethrow_exception(outcome_.exception);
    if constexpr (!std::is_void_v<T>) return *std::move(outcome_.value);
  }

 private:
  void run() noexcept override {
    try {
      if constexpr (std::is_void_v<T>) {
        std::move(work_)();
      } else {
        outcome_.value.emplace(std::move(work_)());
      }
    } catch (...) {
      outcome_.exception = std::current_exception();
    }
    waiter_.resume();
  }

  BlockingPool& pool_;
  F work_;
  Outcome<T> outcome_;
  Waiter waiter_;
  std::optional<EventLoop::ExternalWork> external_;
};

}  // namespace detail

template <class F>
auto run_blocking(BlockingPool& pool, F work) -> Task<std::invoke_result_t<F>> {
  co_return co_await detail::BlockingCall<F>(pool, std::move(work));
}

}  // namespace acloud::async
