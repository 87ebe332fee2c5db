// Jobs on their way from the loops to the database's threads. Unbounded: each job is a waiting task, and
// who may call at once is limited further up.
#pragma once

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <span>

#include "base/semaphore.h"

namespace acloud::store {

template <class J>
class JobQueue {
 public:
  void push(J& job) {
    {
      const std::scoped_lock lock(mutex_);
      jobs_.push_back(&job);
    }
    some_.post();
  }

  // Before all others, in their order.
  void put_back(std::span<J* const> jobs) {
    {
      const std::scoped_lock lock(mutex_);
      jobs_.insert(jobs_.begin(), jobs.begin(), jobs.end());
    }
    for (std::size_t i = 0; i < jobs.size(); ++i) some_.post();
  }

  // True where it was still here.
  bool withdraw(J& job) {
    const std::scoped_lock lock(mutex_);
    return std::erase(jobs_, &job) != 0;
  }

  // Waits for one. Null when the queue is closed and empty.
  J* take() {
    for (;;) {
      some_.wait();
      if (J* job = pop()) return job;
      if (closed_) {
        some_.post();  // for the next who comes
        return nullptr;
      }
    }
  }

  // Null where there is none.
  J* try_take() {
    if (!some_.try_wait()) return nullptr;
    J* job = pop();
    if (job == nullptr && closed_) some_.post();
    return job;
  }

  void close() {
    closed_ = true;
    some_.post();
  }

  std::size_t size() const {
    const std::scoped_lock lock(mutex_);
    return jobs_.size();
  }

 private:
  J* pop() {
    const std::scoped_lock lock(mutex_);
    if (jobs_.empty()) return nullptr;
    J* job = jobs_.front();
    jobs_.pop_front();
    return job;
  }

  mutable std::mutex mutex_;
  std::deque<J*> jobs_;
  // At least as many as there are jobs: one that was withdrawn leaves its own.
  Semaphore some_;
  std::atomic<bool> closed_{false};
};

}  // namespace acloud::store
