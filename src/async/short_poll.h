// When a loop that has nothing to do looks for I/O a little longer before it sleeps.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace acloud::async {

// To wake a sleeping processor takes longer than many requests take to serve, most of all under a hypervisor.
// So a loop that was woken soon after it last fell asleep polls for up to kLongest first. It must not do so
// in vain, nor where others wait for the processor, perhaps the very client whose next request is expected.
// So each poll that finds nothing doubles the number of sleeps until the next (2, 4, ... kMostSkipped), and
// one that finds something starts again; a loop that sleeps long never polls. The idea is that of Linux's
// haltpoll.
class ShortPoll {
 public:
  static constexpr std::chrono::microseconds kLongest{100};
  static constexpr std::uint32_t kMostSkipped = 1024;

  // Before a sleep: whether to poll first.
  bool worth_it() {
    if (!woken_soon_) return false;
    if (to_skip_ == 0) return true;
    --to_skip_;
    return false;
  }

  // What a poll came to.
  void found() { skipped_ = 1; }
  void found_nothing() { to_skip_ = skipped_ = std::min(2 * skipped_, kMostSkipped); }

  // After a sleep without a poll before it, or after one that found nothing; with what was done on waking.
  void slept(std::chrono::nanoseconds length) { woken_soon_ = length <= kLongest; }

 private:
  bool woken_soon_ = false;
  std::uint32_t to_skip_ = 0;
  std::uint32_t skipped_ = 1;  // after the last poll
};

}  // namespace acloud::async
