// A lock for each key that anyone holds: for tasks on any loop, granted in the order of asking.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "async/wait.h"

namespace acloud::store {

class KeyedLock {
 public:
  // Gives the key back when destroyed, on any thread.
  class Held {
   public:
    Held(Held&& other) noexcept : lock_(std::exchange(other.lock_, nullptr)), key_(std::move(other.key_)) {}
    Held& operator=(Held&&) = delete;
    ~Held() {
      if (lock_) lock_->release(key_);
    }

   private:
    friend KeyedLock;
    Held(KeyedLock& lock, std::string key) : lock_(&lock), key_(std::move(key)) {}
    KeyedLock* lock_;
    std::string key_;
  };

  // Not cut short by cancellation, so that a key is never handed to a task that has gone: holders must be
  // quick.
  Task<Held> acquire(std::string key) {
    async::OneShot<bool> turn;
    if (!take_or_queue(key, turn)) (void)co_await turn.wait_task().with_stop(never_.get_token());
    co_return Held(*this, std::move(key));
  }

 private:
  bool take_or_queue(const std::string& key, const async::OneShot<bool>& turn) {
    const std::lock_guard lock(mutex_);
    const auto [entry, was_free] = waiting_.try_emplace(key);
    if (!was_free) entry->second.push_back(turn);
    return was_free;
  }

  void release(const std::string& key) {
    std::optional<async::OneShot<bool>> next;
    {
      const std::lock_guard lock(mutex_);
      const auto entry = waiting_.find(key);
      if (entry->second.empty()) {
        waiting_.erase(entry);
      } else {
        next = std::move(entry->second.front());
        entry->second.pop_front();
      }
    }
    if (next) next->set(true);
  }

  std::stop_source never_;
  std::mutex mutex_;
  std::map<std::string, std::deque<async::OneShot<bool>>> waiting_;  // a key is here while it is held
};

}  // namespace acloud::store
