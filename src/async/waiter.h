// One suspended task, and how it is woken exactly once.
//
// Two sides may want to wake it: whoever completes what it waits for, on any thread, and whoever stops it,
// on any thread. The first to claim() it wins and alone resumes it; the frame therefore stays alive at least
// until the winner's resume().
//
// A completer on another thread must not touch a waiter that was stopped and is gone. So what is waited for
// keeps its waiters in a list under a mutex: a completer claims under that mutex, and a task that was woken
// by its stop leaves the list under it before its frame goes on.
#pragma once

#include <atomic>
#include <coroutine>
#include <optional>
#include <stop_token>

#include "async/event_loop.h"

namespace acloud::async::detail {

class Waiter {
 public:
  Waiter() = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  // Remembers the task and its loop. REQUIRES: runs on the loop.
  void suspend(std::coroutine_handle<> coroutine) {
    coroutine_ = coroutine;
    loop_ = EventLoop::current();
  }
  // From now on the waiter is claimed when `token` is stopped. Call it last in await_suspend: the frame is
  // safe meanwhile, since resuming takes a turn of this thread's loop.
  void claim_on_stop(const std::stop_token& token) {
    if (token.stop_possible()) on_stop_.emplace(token, OnStop{this});
  }
  // True for one caller alone, who must resume(). Any thread.
  bool claim() { return !claimed_.exchange(true, std::memory_order_acq_rel); }
  void resume() { loop_->resume(coroutine_); }
  // The task runs again: waits for a stop that is being delivered on another thread. Call it first in
  // await_resume, without holding a mutex.
  void resumed() { on_stop_.reset(); }

 private:
  struct OnStop {
    Waiter* waiter;
    void operator()() const {
      if (waiter->claim()) waiter->resume();
    }
  };

  std::atomic<bool> claimed_{false};
  std::coroutine_handle<> coroutine_;
  EventLoop* loop_ = nullptr;
  std::optional<std::stop_callback<OnStop>> on_stop_;
};

// First come, first served, linked through the waiters themselves. Guarded by its owner's mutex.
template <class W>
class WaiterList {
 public:
  bool empty() const { return first_ == nullptr; }
  void push(W& waiter) {
    waiter.previous = last_;
    waiter.next = nullptr;
    (last_ ? last_->next : first_) = &waiter;
    last_ = &waiter;
    waiter.listed = true;
  }
  // Does nothing where the waiter was popped already.
  void remove(W& waiter) {
    if (!waiter.listed) return;
    (waiter.previous ? waiter.previous->next : first_) = waiter.next;
    (waiter.next ? waiter.next->previous : last_) = waiter.previous;
    waiter.listed = false;
  }
  // The first that was not stopped meanwhile, claimed, or null. The caller resumes it.
  W* pop_claimed() {
    while (W* waiter = first_) {
      remove(*waiter);
      if (waiter->claim()) return waiter;
    }
    return nullptr;
  }

 private:
  W* first_ = nullptr;
  W* last_ = nullptr;
};

// The links of a waiter in a WaiterList<Self>.
template <class Self>
struct ListedWaiter : Waiter {
  Self* previous = nullptr;
  Self* next = nullptr;
  bool listed = false;
};

}  // namespace acloud::async::detail
