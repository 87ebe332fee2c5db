// Cron expressions: five fields (minute, hour, day of the month, month, day of the week) of *, numbers,
// names, ranges, steps and lists, as crontab(5) has them; or @hourly, @daily, @weekly, @monthly, @yearly.
#pragma once

#include <bitset>
#include <optional>
#include <string_view>

#include "task/schedule/zone.h"

namespace acloud::task::schedule {

struct Cron {
  std::bitset<60> minutes;
  std::bitset<24> hours;
  std::bitset<32> days;     // of the month, from 1
  std::bitset<13> months;   // from 1
  std::bitset<7> weekdays;  // from Sunday
  bool any_day = false;     // the field begins with *: where both do not, either of the two will do
  bool any_weekday = false;
};

inline constexpr std::size_t kCronMost = 256;  // bytes

// Errors: invalid_argument, naming the field.
Result<Cron> parse_cron(std::string_view text);

// The first moment after `after` at which the wall clock of `zone` shows a time of `cron`; nothing where
// there is none within nine years (the 31st of February).
//
// Where the clock is put forward over such a time, the moment at which it is stands for it. Where a time
// comes twice, the first counts; but a schedule of every hour goes on with real time: it runs in both.
std::optional<Time> next_after(const Cron& cron, const Zone& zone, Time after);

}  // namespace acloud::task::schedule
