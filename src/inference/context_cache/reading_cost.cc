#include "inference/context_cache/reading_cost.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace acloud::inference {
namespace {

constexpr double kAssumedOperations = 20e9;  // a second
constexpr double kAssumedBytes = 300e6;      // a second
constexpr double kEachRead = 0.001;          // seconds, beside the bytes: the thread, the file, a step more
constexpr std::int64_t kTellingTokens = 32;
constexpr std::int64_t kTellingBytes = 1 << 16;
constexpr double kNew = 0.25;  // how much the newest measurement weighs

void weigh_in(double& average, double measured) { average += kNew * (measured - average); }

}  // namespace

ReadingCost::ReadingCost(std::int64_t parameters)
    : seconds_a_token_(2.0 * static_cast<double>(std::max<std::int64_t>(parameters, 1)) / kAssumedOperations),
      seconds_a_byte_(1 / kAssumedBytes) {}

void ReadingCost::computed(std::int64_t tokens, double seconds) {
  if (tokens >= kTellingTokens) weigh_in(seconds_a_token_, seconds / static_cast<double>(tokens));
}

void ReadingCost::read(ByteCount bytes, double seconds) {
  if (bytes.value < kTellingBytes) return;
  weigh_in(seconds_a_byte_, std::max(0.0, seconds - kEachRead) / static_cast<double>(bytes.value));
}

std::int32_t ReadingCost::least_gain(ByteCount bytes) const {
  const double reading = kEachRead + seconds_a_byte_ * static_cast<double>(bytes.value);
  const double tokens = std::ceil(reading / seconds_a_token_);
  constexpr double kMost = std::numeric_limits<std::int32_t>::max();
  return tokens < kMost ? std::max(kFewestKept, static_cast<std::int32_t>(tokens))
                        : std::numeric_limits<std::int32_t>::max();
}

}  // namespace acloud::inference
