// A closure on its way through the database, and the coroutine that waits for it.
//
// A job lives in the frame of that coroutine, so a call allocates nothing but the frame. That is safe because
// the coroutine goes on only when the job has been answered, or withdrawn before a thread took it.
#pragma once

#include <concepts>
#include <coroutine>
#include <exception>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <variant>

#include "async/event_loop.h"
#include "store/commit.h"
#include "store/sql.h"

namespace acloud::store::detail {

// Sql is what the closure works on. Done is what the database answers beside the closure's own value.
template <class Sql, class Done>
class Job {
 public:
  virtual Result<> run(Sql& sql) = 0;  // keeps the closure's value in the job

  // Runs the closure; an exception is kept for the waiting coroutine, and is an Error to the database.
  Result<> run_guarded(Sql& sql) {
    exception_ = nullptr;
    try {
      return run(sql);
    } catch (...) {
      exception_ = std::current_exception();
      return fail(ErrorCode::internal, "the closure threw an exception");
    }
  }
  // Once, from any thread; the job may be gone when this returns.
  void answer(Result<Done> done) {
    done_.emplace(std::move(done));
    loop_->resume(waiter_);
  }
  // The same, for a job that runs while its coroutine does.
  void answer_in_place(Result<Done> done) { done_.emplace(std::move(done)); }

  Result<Done> take() {
    if (exception_ != nullptr) std::rethrow_exception(exception_);
    return *std::move(done_);
  }
  void set_waiter(std::coroutine_handle<> waiter) {
    loop_ = async::EventLoop::current();
    waiter_ = waiter;
  }

  bool when_durable = false;   // a write: answered when it is on disk, not when it has run
  bool one_statement = false;  // a read: needs no transaction of its own
  int attempts = 0;

 protected:
  Job() = default;
  ~Job() = default;

 private:
  std::optional<Result<Done>> done_;
  std::exception_ptr exception_;
  async::EventLoop* loop_ = nullptr;
  std::coroutine_handle<> waiter_;
};

using WriteJob = Job<Transaction, Commit>;
using ReadJob = Job<Reader, std::monostate>;

// A closure F that gives Result<T>, and its value.
template <class Sql, class Done, class F>
class Call final : public Job<Sql, Done> {
 public:
  using Returned = std::invoke_result_t<F&, Sql&>;
  using Value = typename Returned::value_type;
  static constexpr bool kVoid = std::is_void_v<Value>;

  explicit Call(F work) : work_(std::move(work)) {}

  Result<> run(Sql& sql) override {
    Returned returned = work_(sql);
    if (!returned) return std::unexpected(std::move(returned).error());
    if constexpr (!kVoid) value_.emplace(*std::move(returned));
    return {};
  }
  // REQUIRES: the last run gave one.
  auto value() {
    if constexpr (!kVoid) return *std::move(value_);
  }

 private:
  F work_;
  std::optional<std::conditional_t<kVoid, std::monostate, Value>> value_;
};

// Awaits a job of `queue`, which has submit(job) and withdraw(job). A task that is stopped while its job
// still waits takes it back, and gets `cancelled`: the closure will not run.
template <class Queue, class J>
class JobAwaiter {
 public:
  JobAwaiter(Queue& queue, J& job) : queue_(queue), job_(job) {}

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    const std::stop_token& stop = waiter.promise().stop_token();
    if (stop.stop_requested()) {
      job_.answer_in_place(cancelled());
      return false;
    }
    external_.emplace(*async::EventLoop::current());
    job_.set_waiter(waiter);
    queue_.submit(job_);
    // This thread is the one that will resume the coroutine, so the frame is still there.
    on_stop_.emplace(stop, Withdraw{queue_, job_});
    return true;
  }
  auto await_resume() {
    on_stop_.reset();
    external_.reset();
    return job_.take();
  }

 private:
  static std::unexpected<Error> cancelled() {
    return fail(ErrorCode::cancelled, "stopped while waiting for the database");
  }
  struct Withdraw {
    Queue& queue;
    J& job;
    void operator()() const {
      if (queue.withdraw(job)) job.answer(cancelled());
    }
  };
  Queue& queue_;
  J& job_;
  std::optional<std::stop_callback<Withdraw>> on_stop_;
  std::optional<async::EventLoop::ExternalWork> external_;
};

}  // namespace acloud::store::detail
