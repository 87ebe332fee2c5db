// What the writes of one group share: the outcome of their commit, and who waits for it.
#pragma once

#include <coroutine>
#include <mutex>
#include <optional>
#include <vector>

#include "async/event_loop.h"
#include "store/commit.h"

namespace acloud::store {

struct Commit::State {
 public:
  // Once, from the writer's thread: resumes everyone on their own loops.
  void resolve(Result<> result);

  // The outcome, or nothing while it is open.
  std::optional<Result<>> outcome() const;
  // False where the outcome is there already: then nobody is resumed.
  bool add_waiter(std::coroutine_handle<> waiter);

 private:
  struct Waiter {
    async::EventLoop* loop;
    std::coroutine_handle<> coroutine;
  };
  mutable std::mutex mutex_;
  std::optional<Result<>> outcome_;
  std::vector<Waiter> waiters_;
};

}  // namespace acloud::store
