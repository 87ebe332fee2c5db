// What is known of one target of one provider: its breaker, its load, its speed. Shared by all loops, and
// kept over a reload of the configuration, since a provider does not get well by being named again.
#pragma once

#include <mutex>

#include "model/breaker.h"

namespace acloud::model {

class TargetState {
 public:
  explicit TargetState(Breaker::Options options) : breaker_(options) {}

  struct View {
    bool allowed;  // by its breaker
    bool paused;   // it asked for fewer calls
    std::uint64_t outstanding;
    double seconds;  // to the first token; 0 where nothing is known
    Duration wait;   // until its breaker may allow it
    Breaker::State breaker;
  };
  View view(Instant now) const {
    const std::lock_guard lock(mutex_);
    return {breaker_.allows(now), now < paused_until_, outstanding_, seconds_,
            breaker_.wait(now),   breaker_.state(now)};
  }
  // False where it may not be called any more, after all.
  bool begin(Instant now) {
    const std::lock_guard lock(mutex_);
    if (!breaker_.allows(now)) return false;
    breaker_.begin(now);
    ++outstanding_;
    return true;
  }
  void succeeded(std::optional<double> seconds_to_first_token) {
    const std::lock_guard lock(mutex_);
    --outstanding_;
    breaker_.succeeded();
    if (!seconds_to_first_token) return;
    // An average over about the last ten calls.
    seconds_ = seconds_ == 0 ? *seconds_to_first_token : 0.9 * seconds_ + 0.1 * *seconds_to_first_token;
  }
  void failed(Instant now) {
    const std::lock_guard lock(mutex_);
    --outstanding_;
    breaker_.failed(now);
  }
  // It is well, but wants no calls until `until`.
  void pause(Instant until) {
    const std::lock_guard lock(mutex_);
    --outstanding_;
    paused_until_ = std::max(paused_until_, until);
    breaker_.abandoned();
  }
  void abandoned() {
    const std::lock_guard lock(mutex_);
    --outstanding_;
    breaker_.abandoned();
  }

 private:
  mutable std::mutex mutex_;
  Breaker breaker_;
  std::uint64_t outstanding_ = 0;
  double seconds_ = 0;
  Instant paused_until_{};
};

// The retries of one model.
class SharedRetryBudget {
 public:
  void earn() {
    const std::lock_guard lock(mutex_);
    budget_.earn();
  }
  bool take() {
    const std::lock_guard lock(mutex_);
    return budget_.take();
  }

 private:
  std::mutex mutex_;
  RetryBudget budget_;
};

}  // namespace acloud::model
