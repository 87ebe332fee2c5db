// What a collector's answer means, by OTLP's rules. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/random.h"

namespace acloud::telemetry {

// What a collector said to one request.
struct CollectorAnswer {
  int status = 200;
  std::string retry_after;  // the header, as it came
  std::string body;         // its beginning
};

struct Verdict {
  enum class Kind {
    taken,    // but for `rejected`
    again,    // it may be sent once more, not before `wait` where there is one
    refused,  // it must not be sent again
  };
  Kind kind = Kind::taken;
  std::uint64_t rejected = 0;                     // what a collector that took the rest did not take
  std::optional<std::chrono::milliseconds> wait;  // as it asked
  std::string why;                                // for the log; never with what was sent
};
// An error is that of the way there: nobody knows whether the collector has it, and OTLP asks to send it
// again.
Verdict judge(const Result<CollectorAnswer>& answer);

// The pauses between tries of which the collector asked for none: twice as long each time, with jitter.
class Backoff {
 public:
  static constexpr std::chrono::milliseconds kFirst{1'000};
  static constexpr std::chrono::milliseconds kLongest{30'000};
  explicit Backoff(Random& random) : random_(random) {}
  std::chrono::milliseconds next();

 private:
  Random& random_;
  std::chrono::milliseconds pause_ = kFirst;
};

}  // namespace acloud::telemetry
