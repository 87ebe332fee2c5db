#include "base/random.h"

#include <sys/random.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/encoding.h"

namespace acloud {

std::uint64_t Random::next() {
  std::array<std::uint8_t, 8> bytes;
  fill(bytes);
  return std::bit_cast<std::uint64_t>(bytes);
}

std::uint64_t Random::below(std::uint64_t bound) {
  // Draws past the last whole multiple of `bound` are drawn again, so that no remainder is favoured.
  const std::uint64_t surplus = -bound % bound;
  for (;;) {
    const std::uint64_t drawn = next();
    if (drawn >= surplus) return drawn % bound;
  }
}

double Random::unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }

std::string Random::hex(std::size_t bytes) {
  std::string raw(bytes, '\0');
  fill({reinterpret_cast<std::uint8_t*>(raw.data()), raw.size()});
  return to_hex(raw);
}

namespace {

void fill_from_kernel(std::span<std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = getrandom(bytes.data(), bytes.size(), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      throw std::system_error(errno, std::generic_category(), "getrandom");
    }
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
}

// Small draws are served from bytes that were asked for together: a system call costs more than they do. What
// was given out is wiped.
struct Drawn {
  std::array<std::uint8_t, 512> bytes;
  std::size_t left = 0;
};
thread_local Drawn drawn;

}  // namespace

void SystemRandom::fill(std::span<std::uint8_t> bytes) {
  if (bytes.size() > 64) return fill_from_kernel(bytes);
  if (drawn.left < bytes.size()) {
    fill_from_kernel(drawn.bytes);
    drawn.left = drawn.bytes.size();
  }
  const auto taken = std::span(drawn.bytes).subspan(drawn.left - bytes.size(), bytes.size());
  std::ranges::copy(taken, bytes.begin());
  std::ranges::fill(taken, std::uint8_t{0});
  drawn.left -= bytes.size();
}

void SeededRandom::fill(std::span<std::uint8_t> bytes) {
  const std::lock_guard lock(mutex_);
  while (!bytes.empty()) {
    const std::uint64_t drawn = engine_();
    const std::size_t n = std::min(bytes.size(), sizeof drawn);
    std::memcpy(bytes.data(), &drawn, n);
    bytes = bytes.subspan(n);
  }
}

}  // namespace acloud
