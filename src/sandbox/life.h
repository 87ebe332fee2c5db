// What becomes of a sandbox that nobody has asked anything of: a pure decision from what is known of it.
#pragma once

#include <optional>

#include "base/clock.h"

namespace acloud::sandbox {

struct Life {
  bool paused = false;
  bool in_use = false;    // a call works in it
  bool can_pause = true;  // this machine can freeze it
  Duration idle{};        // since the end of the last call
  std::chrono::seconds idle_timeout{};
  std::optional<Time> deadline;
};

enum class Next { keep, pause, end };

// The deadline comes first, and cuts calls short; only what is idle is paused.
Next next_step(const Life& life, Time now);

}  // namespace acloud::sandbox
