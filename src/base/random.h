// Randomness is handed in, never taken: a test or a simulation replays it from a seed.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <random>
#include <span>
#include <string>

namespace acloud {

class Random {
 public:
  virtual ~Random() = default;
  // Thread-safe in every implementation.
  virtual void fill(std::span<std::uint8_t> bytes) = 0;

  std::uint64_t next();
  // Evenly from 0 to bound - 1. REQUIRES: bound > 0.
  std::uint64_t below(std::uint64_t bound);
  // Evenly from 0 up to, not including, 1.
  double unit();
  // 2 * `bytes` lower-case hex digits.
  std::string hex(std::size_t bytes);
};

// The kernel's generator: fit for keys. Throws std::system_error where the kernel has none.
class SystemRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> bytes) override;
};

// The same numbers for the same seed. Never for keys.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  void fill(std::span<std::uint8_t> bytes) override;

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;
};

}  // namespace acloud
