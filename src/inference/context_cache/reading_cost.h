// Whether a state on disk is worth reading: what it takes to read it beside what it takes to compute it
// again. A pure rule; whoever reads and computes measures.
#pragma once

#include <cstdint>

#include "base/units.h"

namespace acloud::inference {

// Shorter beginnings are never kept: computing them takes about as long as a step.
inline constexpr std::int32_t kFewestKept = 128;  // tokens

class ReadingCost {
 public:
  // What is assumed until something was measured: 20 billion operations a second, two a weight and token, and
  // 300 MB a second from disk.
  explicit ReadingCost(std::int64_t parameters);

  // A step took in `tokens` of prompts in `seconds`. Few tell too little, and are not counted.
  void computed(std::int64_t tokens, double seconds);
  // A state of `bytes` was read, checked and taken in in `seconds`.
  void read(ByteCount bytes, double seconds);

  // From how many tokens on that it spares a state of `bytes` is read in less time than they are computed.
  std::int32_t least_gain(ByteCount bytes) const;

 private:
  double seconds_a_token_;
  double seconds_a_byte_;
};

}  // namespace acloud::inference
