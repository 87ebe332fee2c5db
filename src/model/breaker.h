// A circuit breaker: keeps calls away from a target that fails, and finds out by single probes when it is
// well again. Without it every call waits for the same time-out, and a target that is coming back is run
// down.
//
//   closed --(failures in a row, or a share of the recent calls)--> open --(a while)--> half-open
//   half-open: one call at a time is a probe: its success closes, its failure opens for twice as long
//
// A pure state machine: time is handed in, nothing waits.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace acloud::model {

class Breaker {
 public:
  struct Options {
    int failures_in_a_row = 5;
    int window = 20;            // of so many recent calls ...
    double failed_share = 0.5;  // ... this share failed
    Duration open_for = std::chrono::seconds(5);
    Duration open_at_most = std::chrono::minutes(2);
    Duration probe_lost_after = std::chrono::minutes(10);  // a probe that never reports is forgotten
  };
  enum class State { closed, open, half_open };

  Breaker() = default;
  explicit Breaker(Options options) : options_(options) {}

  // May a call go there now? Does not reserve anything.
  bool allows(Instant now) const;
  // A call goes there. REQUIRES: allows(now).
  void begin(Instant now);
  void succeeded();
  void failed(Instant now);
  // The call ended without telling anything of the target: its client went away.
  void abandoned();
  State state(Instant now) const;
  // How long until a probe may go; 0 where one may.
  Duration wait(Instant now) const;

 private:
  void open(Instant now);

  Options options_;
  int in_a_row_ = 0;
  std::uint32_t recent_ = 0;  // the last calls, a bit each, 1 where it failed
  int recorded_ = 0;
  int times_opened_ = 0;  // since it was last well
  std::optional<Instant> open_until_;
  std::optional<Instant> probe_since_;
};

// Retries only while they are few beside the calls: each call earns a part of a retry. Without it an overload
// is answered with twice the load.
class RetryBudget {
 public:
  explicit RetryBudget(double per_call = 0.2, double at_most = 20)
      : per_call_(per_call), at_most_(at_most), left_(at_most) {}
  void earn() { left_ = std::min(at_most_, left_ + per_call_); }
  bool take() {
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

 private:
  double per_call_;
  double at_most_;
  double left_;
};

}  // namespace acloud::model
