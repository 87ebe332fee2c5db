// Hedging: a second request beside one that takes long. The first useful answer wins, the other is cancelled.
// (Dean and Barroso, "The Tail at Scale", 2013.)
#pragma once

#include <array>
#include <functional>
#include <optional>

#include "async/wait.h"

namespace acloud::model {

struct Raced {
  std::size_t winner = 0;                          // 0 the first, 1 the second; 0 where none was well
  std::array<std::optional<Result<>>, 2> results;  // nothing where the second did not run

  const Result<>& result() const { return *results[winner]; }
};

// Runs `first`; where it is not done after `delay`, `second` too. Ends when one of them is well, or both have
// failed, or the first has failed before the delay: then there is no second, since trying again is another
// matter. When it ends both are done: who is beaten is cancelled first, and waited for.
// A stop of the race stops both.
Task<Raced> race(Task<Result<>> first, Duration delay, std::function<Task<Result<>>()> second);

}  // namespace acloud::model
