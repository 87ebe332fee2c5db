#include "sandbox/life.h"

namespace acloud::sandbox {

Next next_step(const Life& life, Time now) {
  if (life.deadline && now >= *life.deadline) return Next::end;
  const bool idle = !life.in_use && life.idle >= life.idle_timeout;
  return idle && !life.paused && life.can_pause ? Next::pause : Next::keep;
}

}  // namespace acloud::sandbox
