// How a thread of a BlockingPool waits for a descriptor on behalf of a task: no longer than until a moment,
// nor beyond the task's stop.
#pragma once

#include <optional>
#include <stop_token>

#include "base/clock.h"
#include "base/error.h"

namespace acloud::async {

// A task's stop as a descriptor, readable from then on. Where the process may have no more of them, the stop
// is not heard.
class StopEvent {
 public:
  explicit StopEvent(const std::stop_token& token);
  ~StopEvent();
  StopEvent(const StopEvent&) = delete;
  StopEvent& operator=(const StopEvent&) = delete;

  int descriptor() const { return descriptor_; }  // -1: there is none

 private:
  struct Ring {
    int descriptor;
    void operator()() const;
  };
  int descriptor_;
  std::optional<std::stop_callback<Ring>> ring_;
};

class BlockingWait {
 public:
  explicit BlockingWait(Instant until) : until_(until) {}
  // REQUIRES: `stop` outlives this.
  BlockingWait(Instant until, const StopEvent& stop) : until_(until), stop_(stop.descriptor()) {}

  // Blocks until `descriptor` is ready for `events`, as poll(2) has them, or has failed. Errors:
  // deadline_exceeded, cancelled, internal.
  Result<> ready(int descriptor, short events) const;

 private:
  Instant until_;
  int stop_ = -1;
};

}  // namespace acloud::async
