// Time is handed in, never read: the same code runs under the real clock, in tests that jump hours, and in
// simulation.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

#include "base/error.h"

namespace acloud {

// A point on the calendar, in UTC, to the microsecond: what is stored and shown.
using Time = std::chrono::sys_time<std::chrono::microseconds>;
// A point on a clock that never jumps: what deadlines and durations are measured with.
using Instant = std::chrono::steady_clock::time_point;
using Duration = std::chrono::nanoseconds;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
  virtual Instant instant() const = 0;
};

// The machine's clock.
class SystemClock final : public Clock {
 public:
  Time now() const override;
  Instant instant() const override;
};

// A clock that stands still until it is told to move. Thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Time start = Time{std::chrono::seconds{1'800'000'000}}) : start_(start) {}
  Time now() const override;
  Instant instant() const override;
  void advance(Duration by);

 private:
  Time start_;
  mutable std::mutex mutex_;
  Duration passed_{};
};

// So long after 1970, as files and other strangers say it. What RFC 3339 can't write, and could not be
// counted in microseconds, becomes the first or the last moment that it can (years 1 to 9999).
Time from_unix(std::int64_t seconds, std::int64_t nanoseconds = 0);

// RFC 3339 in UTC with microseconds where they are not zero: "2026-11-22T10:00:00Z".
std::string to_rfc3339(Time time);
// Errors: invalid_argument. Takes offsets other than Z and fractions of a second, rounded down.
Result<Time> parse_rfc3339(std::string_view text);

}  // namespace acloud
