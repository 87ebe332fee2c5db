#include "sandbox/jail/spawner/pool.h"

#include <algorithm>
#include <cmath>

namespace acloud::sandbox::jail {
namespace {

double weight(const Demand& demand, Demand::Instant now) {
  const std::chrono::duration<double> age = now - demand.at;
  return demand.taken * std::exp2(-age / std::chrono::duration<double>(kPoolMemory));
}

}  // namespace

Demand after_take(Demand demand, Demand::Instant now) { return {weight(demand, now) + 1, now}; }

std::size_t wanted(Demand demand, PoolBounds bounds, Demand::Instant now) {
  const auto expected = static_cast<std::size_t>(std::lround(weight(demand, now)));
  return std::clamp(expected, bounds.least, std::max(bounds.least, bounds.most));
}

Demand::Instant refill_at(Demand demand, std::size_t spares, std::size_t goal) {
  return 2 * spares < goal ? demand.at : demand.at + kPoolRest;
}

}  // namespace acloud::sandbox::jail
