#include "task/schedule/cron.h"

#include <gtest/gtest.h>

namespace acloud::task::schedule {
namespace {

Time at(std::string_view text) { return parse_rfc3339(text).value(); }

// The next `count` times of `cron` after `after`, in UTC, as one text.
std::string times(std::string_view cron, const std::string& zone, std::string_view after, int count = 1) {
  const auto parsed = parse_cron(cron);
  if (!parsed) return parsed.error().message();
  const auto found = Zone::find(zone);
  if (!found) return found.error().message();
  std::string all;
  std::optional<Time> time = at(after);
  for (int i = 0; i < count; ++i) {
    time = next_after(*parsed, *found, *time);
    if (!time) return all + "never";
    all += (i == 0 ? "" : " ") + to_rfc3339(*time);
  }
  return all;
}

TEST(Cron, GivesTheNextTimeInUtc) {
  EXPECT_EQ(times("* * * * *", "UTC", "2026-11-27T10:00:00Z"), "2026-11-27T10:01:00Z");
  EXPECT_EQ(times("* * * * *", "UTC", "2026-11-27T10:00:59.999Z"), "2026-11-27T10:01:00Z");
  EXPECT_EQ(times("*/15 * * * *", "UTC", "2026-11-27T10:44:00Z", 3),
            "2026-11-27T10:45:00Z 2026-11-27T11:00:00Z 2026-11-27T11:15:00Z");
  EXPECT_EQ(times("30 6 * * *", "UTC", "2026-11-27T06:30:00Z"), "2026-11-28T06:30:00Z");
  EXPECT_EQ(times("0 0 1 1 *", "UTC", "2026-11-27T06:30:00Z"), "2027-01-01T00:00:00Z");
  EXPECT_EQ(times("5,10-12/2 3 * * *", "UTC", "2026-11-27T00:00:00Z", 4),
            "2026-11-27T03:05:00Z 2026-11-27T03:10:00Z 2026-11-27T03:12:00Z 2026-11-28T03:05:00Z");
  EXPECT_EQ(times("50/5 3 * * *", "UTC", "2026-11-27T00:00:00Z", 2),
            "2026-11-27T03:50:00Z 2026-11-27T03:55:00Z");
}

TEST(Cron, KnowsWeekdaysAndMonthsByNumberAndName) {
  // The 27th of November 2026 is a Friday.
  EXPECT_EQ(times("0 9 * * mon-fri", "UTC", "2026-11-27T09:00:00Z"), "2026-11-30T09:00:00Z");
  EXPECT_EQ(times("0 9 * * 0", "UTC", "2026-11-27T09:00:00Z"), "2026-11-29T09:00:00Z");
  EXPECT_EQ(times("0 9 * * 7", "UTC", "2026-11-27T09:00:00Z"), "2026-11-29T09:00:00Z");
  EXPECT_EQ(times("0 9 * * 5-7", "UTC", "2026-11-27T09:00:00Z", 3),
            "2026-11-28T09:00:00Z 2026-11-29T09:00:00Z 2026-12-04T09:00:00Z");
  EXPECT_EQ(times("0 0 1 FEB,Apr *", "UTC", "2026-11-27T00:00:00Z", 2),
            "2027-02-01T00:00:00Z 2027-04-01T00:00:00Z");
}

TEST(Cron, TakesEitherDayWhereBothAreGiven) {
  EXPECT_EQ(times("0 0 13 * fri", "UTC", "2026-11-27T00:00:00Z", 3),
            "2026-12-04T00:00:00Z 2026-12-11T00:00:00Z 2026-12-13T00:00:00Z");
  EXPECT_EQ(times("0 0 13 * *", "UTC", "2026-11-27T00:00:00Z"), "2026-12-13T00:00:00Z");
  EXPECT_EQ(times("0 0 */2 * mon", "UTC", "2026-11-27T00:00:00Z"), "2026-12-07T00:00:00Z");
}

TEST(Cron, FindsRareDaysAndKnowsThoseThatNeverCome) {
  EXPECT_EQ(times("0 0 29 2 *", "UTC", "2026-11-27T00:00:00Z"), "2028-02-29T00:00:00Z");
  EXPECT_EQ(times("0 0 31 * *", "UTC", "2026-11-27T00:00:00Z", 2),
            "2026-12-31T00:00:00Z 2027-01-31T00:00:00Z");
  EXPECT_EQ(times("0 0 31 2 *", "UTC", "2026-11-27T00:00:00Z"), "never");
  EXPECT_EQ(times("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z"), "2104-02-29T00:00:00Z");
}

TEST(Cron, FollowsTheClockOfItsZone) {
  EXPECT_EQ(times("30 6 * * *", "Europe/Oslo", "2026-11-27T00:00:00Z"), "2026-11-27T05:30:00Z");
  EXPECT_EQ(times("30 6 * * *", "Europe/Oslo", "2026-07-01T00:00:00Z"), "2026-07-01T04:30:00Z");
  EXPECT_EQ(times("0 0 * * mon", "Asia/Kolkata", "2026-11-27T00:00:00Z"), "2026-11-29T18:30:00Z");
  EXPECT_EQ(times("0 20 * * *", "America/Los_Angeles", "2026-11-27T04:00:00Z"), "2026-11-28T04:00:00Z");
  EXPECT_EQ(times("15 0 * * *", "Pacific/Kiritimati", "2026-11-27T00:00:00Z"), "2026-11-27T10:15:00Z");
}

// In Oslo the clock goes from 2 to 3 on the 29th of March 2026 at 01:00Z.
TEST(Cron, RunsWhatTheClockLeapsOverWhenItLeaps) {
  EXPECT_EQ(times("30 2 * * *", "Europe/Oslo", "2026-03-28T00:00:00Z", 3),
            "2026-03-28T01:30:00Z 2026-03-29T01:00:00Z 2026-03-30T00:30:00Z");
  EXPECT_EQ(times("0,30 2-3 * * *", "Europe/Oslo", "2026-03-29T00:00:00Z", 3),
            "2026-03-29T01:00:00Z 2026-03-29T01:30:00Z 2026-03-30T00:00:00Z");
  EXPECT_EQ(times("*/30 * * * *", "Europe/Oslo", "2026-03-29T00:15:00Z", 3),
            "2026-03-29T00:30:00Z 2026-03-29T01:00:00Z 2026-03-29T01:30:00Z");
}

// And from 3 back to 2 on the 25th of October at 01:00Z.
TEST(Cron, RunsOnceWhatComesTwiceUnlessItRunsEveryHour) {
  EXPECT_EQ(times("30 2 * * *", "Europe/Oslo", "2026-10-24T12:00:00Z", 2),
            "2026-10-25T00:30:00Z 2026-10-26T01:30:00Z");
  EXPECT_EQ(times("30 2 * * *", "Europe/Oslo", "2026-10-25T00:30:00Z"), "2026-10-26T01:30:00Z");
  EXPECT_EQ(times("30 * * * *", "Europe/Oslo", "2026-10-24T23:45:00Z", 3),
            "2026-10-25T00:30:00Z 2026-10-25T01:30:00Z 2026-10-25T02:30:00Z");
}

// In Havana midnight itself comes twice: at 1 the clock goes back to 0.
TEST(Cron, KnowsDaysThatBeginTwice) {
  EXPECT_EQ(times("30 0 * * *", "America/Havana", "2026-10-31T12:00:00Z", 2),
            "2026-11-01T04:30:00Z 2026-11-02T05:30:00Z");
  EXPECT_EQ(times("0 * * * *", "America/Havana", "2026-11-01T03:30:00Z", 3),
            "2026-11-01T04:00:00Z 2026-11-01T05:00:00Z 2026-11-01T06:00:00Z");
}

TEST(Cron, EveryTimeIsAfterTheOneBefore) {
  for (const std::string zone :
       {"Europe/Oslo", "America/Havana", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"}) {
    const auto found = Zone::find(zone).value();
    for (const std::string_view text : {"7 * * * *", "*/20 0-3 * * *", "59 23 * * *", "0 0 * * *"}) {
      const Cron cron = parse_cron(text).value();
      Time time = at("2026-01-01T00:00:00Z");
      while (time < at("2027-01-01T00:00:00Z")) {
        const auto next = next_after(cron, found, time);
        ASSERT_TRUE(next && *next > time && *next - time <= std::chrono::hours(26))
            << zone << text << to_rfc3339(time);
        time = *next;
      }
    }
  }
}

TEST(Cron, TakesShortForms) {
  EXPECT_EQ(times("@hourly", "UTC", "2026-11-27T10:30:00Z"), "2026-11-27T11:00:00Z");
  EXPECT_EQ(times("@daily", "UTC", "2026-11-27T10:30:00Z"), "2026-11-28T00:00:00Z");
  EXPECT_EQ(times("@weekly", "UTC", "2026-11-27T10:30:00Z"), "2026-11-29T00:00:00Z");
  EXPECT_EQ(times("@monthly", "UTC", "2026-11-27T10:30:00Z"), "2026-12-01T00:00:00Z");
  EXPECT_EQ(times("@yearly", "UTC", "2026-11-27T10:30:00Z"), "2027-01-01T00:00:00Z");
}

TEST(Cron, RefusesWhatIsNone) {
  for (const std::string_view wrong : {"",           "* * * *",     "* * * * * *",  "60 * * * *",
                                       "-1 * * * *", "* 24 * * *",  "* * 0 * *",    "* * 32 * *",
                                       "* * * 13 *", "* * * * 8",   "*/0 * * * *",  "*/ * * * *",
                                       "5- * * * *", "9-5 * * * *", "1,,2 * * * *", "1, * * * *",
                                       ",1 * * * *", "a * * * *",   "* * * * mo",   "* * * jan-foo *",
                                       "@often",     "1.5 * * * *", "+1 * * * *",   "99999999999 * * * *"}) {
    const auto cron = parse_cron(wrong);
    ASSERT_FALSE(cron) << wrong;
    EXPECT_EQ(cron.error().code(), ErrorCode::invalid_argument);
  }
  EXPECT_FALSE(parse_cron(std::string(300, '*')));
}

TEST(Zones, AreThoseOfTheMachine) {
  EXPECT_TRUE(Zone::find("America/New_York"));
  for (const char* wrong :
       {"", "Oslo", "Europe/oslo", "../../etc/passwd", "/etc/localtime", "Europe/Oslo\n", "UTC+2x"})
    EXPECT_FALSE(Zone::find(wrong)) << wrong;
}

}  // namespace
}  // namespace acloud::task::schedule
