#include "model/policy.h"

#include <algorithm>
#include <cmath>

namespace acloud::model {
namespace {

std::uint64_t mix(std::uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

// An exponential variate of rate `weight`: who has the smallest is chosen in proportion to the weights, and
// so is the next among the rest (Efraimidis and Spirakis, 2006).
double exponential(double uniform, double weight) { return -std::log(1.0 - uniform) / weight; }

double to_unit(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1.0p-53; }

double key_of(const Candidate& candidate, Strategy strategy, double chance) {
  switch (strategy) {
    case Strategy::weighted:
      return chance;
    case Strategy::least_outstanding:
      return static_cast<double>(candidate.outstanding + 1) / candidate.weight;
    case Strategy::latency:
      return candidate.seconds;
    case Strategy::price:
      return candidate.price;
  }
  return chance;
}

}  // namespace

std::uint64_t hash_of(std::string_view text, std::uint64_t seed) {
  std::uint64_t hash = 0xcbf29ce484222325ULL ^ seed;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return mix(hash);
}

std::vector<std::size_t> order(std::span<const Candidate> candidates, Strategy strategy,
                               std::optional<std::uint64_t> session, Random& random) {
  struct Ranked {
    double key;
    double chance;
    std::size_t index;
  };
  std::vector<Ranked> ranked;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const Candidate& candidate = candidates[i];
    if (!candidate.available || candidate.weight <= 0) continue;
    const double uniform = session ? to_unit(mix(*session ^ candidate.identity)) : random.unit();
    const double chance = exponential(uniform, candidate.weight);
    ranked.push_back({session ? chance : key_of(candidate, strategy, chance), chance, i});
  }
  const auto by_chance = [](const Ranked& a, const Ranked& b) { return a.chance < b.chance; };
  const auto by_key = [](const Ranked& a, const Ranked& b) {
    return a.key != b.key ? a.key < b.key : a.chance < b.chance;
  };
  if (strategy == Strategy::latency && !session) {
    std::ranges::sort(ranked, by_chance);
    std::ranges::sort(ranked.begin(), ranked.begin() + std::min<std::ptrdiff_t>(2, std::ssize(ranked)),
                      by_key);
  } else {
    std::ranges::sort(ranked, by_key);
  }
  std::vector<std::size_t> indices;
  indices.reserve(ranked.size());
  for (const Ranked& each : ranked) indices.push_back(each.index);
  return indices;
}

}  // namespace acloud::model
