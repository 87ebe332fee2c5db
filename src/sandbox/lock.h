// Lets one task at a time have something, whichever loop each runs on; the others wait in their order.
//
//   ACLOUD_CO_TRY(const Lock::Held held, co_await lock.acquire(by));
#pragma once

#include <atomic>

#include "async/channel.h"

namespace acloud::sandbox {

class Lock {
 public:
  Lock() { (void)token_.try_send(Token{}); }  // an empty channel takes it

  // Gives the lock back when destroyed. REQUIRES: the Lock outlives it.
  class Held {
   public:
    Held(Held&& other) noexcept : lock_(std::exchange(other.lock_, nullptr)) {}
    Held& operator=(Held&&) = delete;
    ~Held() {
      if (lock_ != nullptr) (void)lock_->token_.try_send(Token{});
    }

   private:
    friend class Lock;
    explicit Held(Lock& lock) : lock_(&lock) {}
    Lock* lock_;
  };

  // Errors: deadline_exceeded, cancelled.
  Task<Result<Held>> acquire(async::Deadline by) {
    ACLOUD_CO_CHECK(co_await async::with_deadline(by, "waiting for the sandbox's turn", token_.receive()));
    co_return Held(*this);
  }

 private:
  struct Token {};
  async::Channel<Token> token_{1};  // there while nobody has the lock
};

// Opens once, for good; until then all wait.
class Latch {
 public:
  void open() {
    open_ = true;
    (void)token_.try_send(Token{});
  }
  // Errors: deadline_exceeded, cancelled.
  Task<Result<>> wait(async::Deadline by) {
    if (open_) co_return Result<>();
    ACLOUD_CO_CHECK(co_await async::with_deadline(by, "waiting for the start", token_.receive()));
    (void)token_.try_send(Token{});  // for the next
    co_return Result<>();
  }

 private:
  struct Token {};
  std::atomic<bool> open_{false};
  async::Channel<Token> token_{1};
};

}  // namespace acloud::sandbox
