// Jobs on their way from the loops to the database's threads. Unbounded: each job is a waiting task, and
// who may call at once is limited further up.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <span>

namespace acloud::store {

template <class J>
class JobQueue {
 public:
  void push(J& job) {
    {
      const std::scoped_lock lock(mutex_);
      jobs_.push_back(&job);
    }
    some_.notify_one();
  }

  // Before all others, in their order.
  void put_back(std::span<J* const> jobs) {
    const std::scoped_lock lock(mutex_);
    jobs_.insert(jobs_.begin(), jobs.begin(), jobs.end());
  }

  // True where it was still here.
  bool withdraw(J& job) {
    const std::scoped_lock lock(mutex_);
    return std::erase(jobs_, &job) != 0;
  }

  // Waits for one. Null when the queue is closed and empty.
  J* take() {
    std::unique_lock lock(mutex_);
    some_.wait(lock, [this] { return closed_ || !jobs_.empty(); });
    return pop();
  }

  // Null where there is none.
  J* try_take() {
    const std::scoped_lock lock(mutex_);
    return pop();
  }

  void close() {
    {
      const std::scoped_lock lock(mutex_);
      closed_ = true;
    }
    some_.notify_all();
  }

  std::size_t size() const {
    const std::scoped_lock lock(mutex_);
    return jobs_.size();
  }

 private:
  J* pop() {
    if (jobs_.empty()) return nullptr;
    J* job = jobs_.front();
    jobs_.pop_front();
    return job;
  }

  mutable std::mutex mutex_;
  std::condition_variable some_;
  std::deque<J*> jobs_;
  bool closed_ = false;
};

}  // namespace acloud::store
