// Task<T>: a coroutine that starts when it is awaited, and is finished when the await returns.
//
// A task runs on the event loop of the one that awaits it, so code between two awaits never races with
// other tasks of its loop. Cancellation is inherited: whoever awaits a task hands its stop token down, and
// what truly waits (sleep, sockets, channels) ends early with Error `cancelled` when that token is stopped.
// Nothing is ever torn down under a running coroutine.
//
// A coroutine must take what it needs by value or as references that outlive it; a capturing lambda must
// never itself be a coroutine, since its captures die before the coroutine does.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <stop_token>
#include <utility>

#include "base/error.h"

namespace acloud::async {

template <class T>
class Task;

namespace detail {

class PromiseBase {
 public:
  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      return self.promise().continuation_;
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { exception_ = std::current_exception(); }

  const std::stop_token& stop_token() const { return stop_; }
  void set_stop_token(std::stop_token stop) { stop_ = std::move(stop); }
  void set_continuation(std::coroutine_handle<> continuation) { continuation_ = continuation; }

 protected:
  void rethrow() const {
    if (exception_) std::rethrow_exception(exception_);
  }

 private:
  std::coroutine_handle<> continuation_ = std::noop_coroutine();
  std::stop_token stop_;
  std::exception_ptr exception_;
};

template <class T>
class Promise final : public PromiseBase {
 public:
  Task<T> get_return_object();
  template <class U = T>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T take() {
    rethrow();
    return *std::move(value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class Promise<void> final : public PromiseBase {
 public:
  Task<void> get_return_object();
  void return_void() const noexcept {}
  void take() const { rethrow(); }
};

// A token that can be stopped, and never is.
inline std::stop_token never_stopped() {
  static const std::stop_source source;
  return source.get_token();
}

}  // namespace detail

template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using value_type = T;

  Task(Task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(coroutine_, other.coroutine_);
    return *this;
  }
  ~Task() {
    if (coroutine_) coroutine_.destroy();
  }

  // Awaited once. Inherits the awaiting task's stop token, unless it was given one of its own before.
  auto operator co_await() && noexcept { return Awaiter{coroutine_}; }

  // The task is not cut short when the awaiting one is stopped: for what must be finished once begun.
  Task shielded() && { return std::move(*this).with_stop(detail::never_stopped()); }
  // The task sees this token instead of the awaiting one's.
  Task with_stop(std::stop_token stop) && {
    coroutine_.promise().set_stop_token(std::move(stop));
    return std::move(*this);
  }

 private:
  friend promise_type;

  struct Awaiter {
    std::coroutine_handle<promise_type> coroutine;
    bool await_ready() const noexcept { return false; }
    template <class Parent>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Parent> parent) const noexcept {
      coroutine.promise().set_continuation(parent);
      if (!coroutine.promise().stop_token().stop_possible()) {
        coroutine.promise().set_stop_token(parent.promise().stop_token());
      }
      return coroutine;
    }
    T await_resume() const { return coroutine.promise().take(); }
  };

  explicit Task(std::coroutine_handle<promise_type> coroutine) : coroutine_(coroutine) {}
  std::coroutine_handle<promise_type> coroutine_;
};

template <class T>
Task<T> detail::Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}
inline Task<void> detail::Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

// `co_await this_stop_token()` is the token that the running task inherited.
struct ThisStopToken {
  std::stop_token token;
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> self) noexcept {
    token = self.promise().stop_token();
    return false;
  }
  std::stop_token await_resume() noexcept { return std::move(token); }
};
inline ThisStopToken this_stop_token() { return {}; }

}  // namespace acloud::async

namespace acloud {
using async::Task;
}
