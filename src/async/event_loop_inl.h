// The templates of event_loop.h.
#pragma once

#include <exception>
#include <future>
#include <optional>

#include "async/detached.h"
#include "async/event_loop.h"

namespace acloud::async {
namespace detail {

template <class T>
struct Outcome {
  std::exception_ptr exception;
  std::optional<T> value;
};
template <>
struct Outcome<void> {
  std::exception_ptr exception;
};

template <class T>
Detached run_into(std::stop_token, Task<T> task, Outcome<T>& outcome, EventLoop& loop,
                  EventLoop::Callback done) {
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(task);
    } else {
      outcome.value.emplace(co_await std::move(task));
    }
  } catch (...) {
    outcome.exception = std::current_exception();
  }
  loop.post(std::move(done));  // in a turn of its own, when this frame is gone
}

template <class T>
T take(Outcome<T>&& outcome) {
  if (outcome.exception) std::rethrow_exception(outcome.exception);
  if constexpr (!std::is_void_v<T>) return *std::move(outcome.value);
}

}  // namespace detail

template <class T>
T EventLoop::run_until_done(Task<T> task) {
  detail::Outcome<T> outcome;
  bool done = false;
  post([&] {
    detail::run_into(std::stop_token(), std::move(task), outcome, *this, [&done] { done = true; });
  });
  run_until(done);
  return detail::take(std::move(outcome));
}

template <class T>
T run_on(EventLoop& loop, Task<T> task) {
  detail::Outcome<T> outcome;
  std::promise<void> promise;
  auto done = promise.get_future();
  loop.post([&] {
    detail::run_into(std::stop_token(), std::move(task), outcome, loop,
                     [p = std::move(promise)]() mutable { p.set_value(); });
  });
  done.wait();
  return detail::take(std::move(outcome));
}

}  // namespace acloud::async
