#include "model/breaker.h"

#include <bit>

namespace acloud::model {

bool Breaker::allows(Instant now) const {
  if (!open_until_) return true;
  if (now < *open_until_) return false;
  return !probe_since_ || now - *probe_since_ >= options_.probe_lost_after;
}

void Breaker::begin(Instant now) {
  if (open_until_) probe_since_ = now;
}

void Breaker::succeeded() {
  in_a_row_ = 0;
  recent_ <<= 1;
  recorded_ = std::min(recorded_ + 1, options_.window);
  if (!open_until_) return;
  open_until_.reset();
  probe_since_.reset();
  times_opened_ = 0;
  recorded_ = 0;
}

void Breaker::failed(Instant now) {
  ++in_a_row_;
  recent_ = (recent_ << 1) | 1;
  recorded_ = std::min(recorded_ + 1, options_.window);
  if (open_until_) {
    // Calls that began before it opened report late: only the probe's failure counts.
    if (probe_since_) open(now);
    return;
  }
  const std::uint32_t window = (options_.window >= 32) ? ~0U : (1U << options_.window) - 1;
  const bool too_many = recorded_ == options_.window &&
                        std::popcount(recent_ & window) >= options_.failed_share * options_.window;
  if (in_a_row_ >= options_.failures_in_a_row || too_many) open(now);
}

void Breaker::abandoned() { probe_since_.reset(); }

void Breaker::open(Instant now) {
  const Duration longer = options_.open_for * (1LL << std::min(times_opened_, 20));
  open_until_ = now + std::min(longer, options_.open_at_most);
  probe_since_.reset();
  ++times_opened_;
  recorded_ = 0;
}

Breaker::State Breaker::state(Instant now) const {
  if (!open_until_) return State::closed;
  return now < *open_until_ ? State::open : State::half_open;
}

Duration Breaker::wait(Instant now) const {
  if (!open_until_ || now >= *open_until_) return Duration::zero();
  return *open_until_ - now;
}

}  // namespace acloud::model
