#include "base/clock.h"

#include <gtest/gtest.h>

#include <limits>

namespace acloud {
namespace {

using namespace std::chrono_literals;

TEST(Clock, WritesAndReadsRfc3339) {
  const Time time = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) + 10h + 5ms;
  EXPECT_EQ(to_rfc3339(time), "2026-11-22T10:00:00.005000Z");
  EXPECT_EQ(parse_rfc3339(to_rfc3339(time)), time);
  EXPECT_EQ(parse_rfc3339("2026-11-22T12:30:00.0050009+02:30"), time);
}

TEST(Clock, WritesTheFirstAndTheLastTime) {
  for (const auto* text : {"0000-01-01T00:00:00Z", "0099-02-28T09:08:07.000001Z",
                           "1969-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.100000Z"}) {
    const auto time = parse_rfc3339(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(to_rfc3339(*time), text);
  }
}

TEST(Clock, RefusesWhatIsNoTime) {
  for (const auto* text : {"", "now", "2026-02-30T00:00:00Z", "2026-11-22", "2026-11-22T25:00:00Z",
                           "2026-11-22T10:00:00", "2026-11-22T10:00:00Zx", "2026-11-22T10:00:00.",
                           "9999-12-31T23:59:60Z", "0000-01-01T00:00:00+00:01"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(Clock, TakesWhateverAFileSaysItsTimeIs) {
  EXPECT_EQ(to_rfc3339(from_unix(1'795'816'132, 500'999)), "2026-11-27T21:48:52.000500Z");
  EXPECT_EQ(to_rfc3339(from_unix(-1)), "1969-12-31T23:59:59Z");
  EXPECT_EQ(to_rfc3339(from_unix(253'402'300'799)), "9999-12-31T23:59:59Z");
  EXPECT_EQ(to_rfc3339(from_unix(253'402'300'800)), "9999-12-31T23:59:59.999999Z");
  EXPECT_EQ(to_rfc3339(from_unix(7'000'001'700'000'000)), "9999-12-31T23:59:59.999999Z");
  EXPECT_EQ(to_rfc3339(from_unix(std::numeric_limits<std::int64_t>::min())), "0001-01-01T00:00:00Z");
}

TEST(Clock, AManualClockMovesOnlyWhenTold) {
  ManualClock clock;
  const auto before = clock.instant();
  const auto start = clock.now();
  clock.advance(90min);
  EXPECT_EQ(clock.instant() - before, 90min);
  EXPECT_EQ(clock.now() - start, 90min);
}

}  // namespace
}  // namespace acloud
