// The moment at which a group of writes is on disk.
#pragma once

#include <memory>
#include <optional>

#include "async/task.h"
#include "base/error.h"

namespace acloud::store {

// Awaited until a write's group is on disk. Copies await the same commit, from any loop.
class Commit {
 public:
  Commit() = default;  // on disk already
  // Errors: unavailable, internal: the write is not durable, and no reader of this server will see it. Only
  // if the machine stops at that very moment may it be there after all when it comes back.
  // Not cut short by cancellation: it takes a few milliseconds, and the answer matters.
  Task<Result<>> wait() const;
  bool done() const;
  // What wait() would give; nothing while it is open.
  std::optional<Result<>> outcome() const;

  struct State;
  explicit Commit(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;  // shared by all writes of one group
};

}  // namespace acloud::store
