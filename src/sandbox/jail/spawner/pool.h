// How many jails are kept ready: a pure decision from what was taken lately. Those who make many
// sandboxes at once soon do so again, so as many are ready for the next burst as the last one took; what
// nobody takes is given back.
#pragma once

#include <chrono>
#include <cstddef>

namespace acloud::sandbox::jail {

struct PoolBounds {
  std::size_t least = 0;  // kept ready where nobody takes any
  std::size_t most = 0;   // as `least` where smaller
};

// What was taken, each of them weighing half as much after every kPoolMemory: a burst in full, and of a
// steady flow as much as comes in 7 seconds.
struct Demand {
  using Instant = std::chrono::steady_clock::time_point;
  double taken = 0;
  Instant at{};  // when `taken` was that
};
constexpr std::chrono::seconds kPoolMemory{5};
// Each takes about 0.4 MiB and five descriptors.
constexpr std::size_t kPoolMost = 128;

// After one more was taken. REQUIRES here and below: now >= demand.at.
Demand after_take(Demand demand, Demand::Instant now);
// How many to keep ready.
std::size_t wanted(Demand demand, PoolBounds bounds, Demand::Instant now);
// When the next one may be made, of `goal` that are wanted. Whoever has just taken one is about to run
// something in it, and needs the processors that makers would take from him; so they rest for kPoolRest, but
// where less than half is there.
Demand::Instant refill_at(Demand demand, std::size_t spares, std::size_t goal);
constexpr std::chrono::milliseconds kPoolRest{10};

}  // namespace acloud::sandbox::jail
