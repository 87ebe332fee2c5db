// Awaiting an Asio operation in a Task: co_await await_asio<std::size_t>([&](auto handler) {...}).
//
// The operation gets a cancellation slot; when the task is stopped the slot is emitted on the task's loop
// and the operation ends with operation_aborted. A stop may come from another thread: it is then carried to
// the loop by a post, and the task is not resumed before that post has run, so nothing outlives the frame.
//
// Include it in .cc files of src/net alone.
#pragma once

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/error_code.hpp>
#include <coroutine>
#include <optional>
#include <stop_token>

#include "async/event_loop.h"
#include "base/error.h"

namespace acloud::net {

namespace asio = boost::asio;
using AsioError = boost::system::error_code;

// What an operation gave. `stopped` where it ended because its task was stopped.
template <class Value>
struct AsioResult {
  AsioError error;
  Value value{};
  bool stopped = false;
};

// Ends an operation by its cancellation slot.
struct CancelBySlot {
  void operator()(asio::cancellation_signal& signal) const { signal.emit(asio::cancellation_type::terminal); }
};

template <class Value, class Start, class Cancel>
class AsioOperation {
 public:
  AsioOperation(Start start, Cancel cancel) : start_(std::move(start)), cancel_(std::move(cancel)) {}
  AsioOperation(const AsioOperation&) = delete;
  AsioOperation& operator=(const AsioOperation&) = delete;

  bool await_ready() const noexcept { return false; }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> task) {
    token_ = task.promise().stop_token();
    if (token_.stop_requested()) return false;
    task_ = task;
    loop_ = async::EventLoop::current();
    // Asio never calls a handler before the call that starts the operation has returned.
    start_(asio::bind_cancellation_slot(signal_.slot(), Handler{this}));
    if (token_.stop_possible()) on_stop_.emplace(token_, OnStop{this});
    return true;
  }

  AsioResult<Value> await_resume() {
    if (!task_) return {asio::error::operation_aborted, Value{}, true};
    result_.stopped = result_.error && token_.stop_requested();
    return std::move(result_);
  }

 private:
  struct Handler {
    AsioOperation* self;
    template <class... Values>
    void operator()(AsioError error, Values... values) const {
      self->result_.error = error;
      if constexpr (sizeof...(Values) == 1) self->result_.value = Value(std::move(values)...);
      self->completed();
    }
  };
  struct OnStop {
    AsioOperation* self;
    void operator()() const { self->stop(); }
  };

  void completed() {
    on_stop_.reset();  // waits for a stop that another thread is delivering
    if (stop_posted_) {
      completed_ = true;
    } else {
      task_.resume();
    }
  }

  void stop() {
    if (async::EventLoop::current() == loop_) {
      cancel_(signal_);
      return;
    }
    stop_posted_ = true;
    loop_->post([this] {
      stop_posted_ = false;
      if (completed_) {
        task_.resume();
      } else {
        cancel_(signal_);
      }
    });
  }

  Start start_;
  Cancel cancel_;
  asio::cancellation_signal signal_;
  AsioResult<Value> result_;
  std::coroutine_handle<> task_;
  async::EventLoop* loop_ = nullptr;
  std::stop_token token_;
  std::atomic<bool> stop_posted_{false};
  bool completed_ = false;
  std::optional<std::stop_callback<OnStop>> on_stop_;
};

struct NoValue {};

// `start(handler)` begins the operation; the handler takes an error code and at most one value. `cancel`
// ends it, for operations that know no cancellation slot.
template <class Value = NoValue, class Start, class Cancel = CancelBySlot>
AsioOperation<Value, Start, Cancel> await_asio(Start start, Cancel cancel = {}) {
  return {std::move(start), std::move(cancel)};
}

// The failure of an operation as the outside sees it: cancelled where its task was stopped, else unavailable
// with "<what>: <reason>".
template <class Value>
std::unexpected<Error> fail_asio(const AsioResult<Value>& result, std::string_view what) {
  if (result.stopped) return fail(ErrorCode::cancelled, "{}: cancelled", what);
  if (result.error == asio::error::operation_aborted) return fail(ErrorCode::unavailable, "{}: closed", what);
  return fail(ErrorCode::unavailable, "{}: {}", what, result.error.message());
}

}  // namespace acloud::net
