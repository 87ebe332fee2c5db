#include "base/clock.h"

#include <charconv>
#include <ctime>

namespace acloud {
namespace {

using namespace std::chrono;

// Reads exactly `width` digits at the front of `text` and removes them.
bool take_digits(std::string_view& text, std::size_t width, int& value) {
  if (text.size() < width) return false;
  for (std::size_t i = 0; i < width; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
  }
  std::from_chars(text.data(), text.data() + width, value);
  text.remove_prefix(width);
  return true;
}

bool take(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted) return false;
  text.remove_prefix(1);
  return true;
}

// The fraction after the dot, in microseconds; digits beyond the sixth are dropped.
bool take_fraction(std::string_view& text, microseconds& fraction) {
  std::int64_t value = 0;
  std::size_t digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    if (digits < 6) value = value * 10 + (text.front() - '0');
    ++digits;
    text.remove_prefix(1);
  }
  for (std::size_t i = digits; i < 6; ++i) value *= 10;
  fraction = microseconds(value);
  return digits > 0;
}

bool take_offset(std::string_view& text, minutes& offset) {
  if (take(text, 'Z') || take(text, 'z')) return true;
  const bool east = take(text, '+');
  if (!east && !take(text, '-')) return false;
  int hour = 0;
  int minute = 0;
  if (!take_digits(text, 2, hour) || !take(text, ':') || !take_digits(text, 2, minute)) return false;
  if (hour > 23 || minute > 59) return false;
  offset = hours(hour) + minutes(minute);
  if (!east) offset = -offset;
  return true;
}

// Writes `value`, at least 0, over the `width` digits of `text` that begin at `at`; what is longer is cut.
void put_digits(std::string& text, std::size_t at, std::size_t width, std::int64_t value) {
  for (std::size_t i = at + width; i-- > at; value /= 10) text[i] = static_cast<char>('0' + value % 10);
}

}  // namespace

Time SystemClock::now() const { return floor<microseconds>(system_clock::now()); }
Instant SystemClock::instant() const { return steady_clock::now(); }

Time ManualClock::now() const {
  const std::lock_guard lock(mutex_);
  return start_ + floor<microseconds>(passed_);
}

Instant ManualClock::instant() const {
  const std::lock_guard lock(mutex_);
  return Instant{} + passed_;
}

void ManualClock::advance(Duration by) {
  const std::lock_guard lock(mutex_);
  passed_ += by;
}

Time from_unix(std::int64_t seconds, std::int64_t nanoseconds) {
  constexpr Time kFirst = sys_days(year(1) / January / 1);
  constexpr Time kLast = sys_days(year(9999) / December / 31) + hours(24) - microseconds(1);
  if (seconds < floor<std::chrono::seconds>(kFirst).time_since_epoch().count()) return kFirst;
  if (seconds > floor<std::chrono::seconds>(kLast).time_since_epoch().count()) return kLast;
  return Time(std::chrono::seconds(seconds)) + floor<microseconds>(std::chrono::nanoseconds(nanoseconds));
}

std::string to_rfc3339(Time time) {
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss<microseconds> clock(time - day);
  // By hand, since every reply with a time in it comes past here: a formatter costs ten times as much.
  std::string text = "0000-00-00T00:00:00";
  put_digits(text, 0, 4, static_cast<int>(date.year()));
  put_digits(text, 5, 2, static_cast<unsigned>(date.month()));
  put_digits(text, 8, 2, static_cast<unsigned>(date.day()));
  put_digits(text, 11, 2, clock.hours().count());
  put_digits(text, 14, 2, clock.minutes().count());
  put_digits(text, 17, 2, clock.seconds().count());
  if (clock.subseconds().count() != 0) {
    text += ".000000";
    put_digits(text, 20, 6, clock.subseconds().count());
  }
  return text + 'Z';
}

Result<Time> parse_rfc3339(std::string_view text) {
  const auto bad = [whole = text] {
    return fail(ErrorCode::invalid_argument, "\"{}\" is not a time; write it like 2026-11-22T10:00:00Z",
                whole);
  };
  int y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0;
  if (!take_digits(text, 4, y) || !take(text, '-') || !take_digits(text, 2, mo) || !take(text, '-') ||
      !take_digits(text, 2, d)) {
    return bad();
  }
  if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return bad();
  if (!take_digits(text, 2, h) || !take(text, ':') || !take_digits(text, 2, mi) || !take(text, ':') ||
      !take_digits(text, 2, s)) {
    return bad();
  }
  microseconds fraction{};
  if (take(text, '.') && !take_fraction(text, fraction)) return bad();
  minutes offset{};
  if (!take_offset(text, offset) || !text.empty()) return bad();
  const year_month_day date{year(y), month(static_cast<unsigned>(mo)), day(static_cast<unsigned>(d))};
  if (!date.ok() || h > 23 || mi > 59 || s > 60) return bad();
  // An offset or a leap second may lead out of the years that have four digits.
  const Time time{sys_days(date) + hours(h) + minutes(mi) + seconds(s) + fraction - offset};
  constexpr sys_days kFirst{year(0) / 1 / 1};
  constexpr sys_days kBeyond{year(10'000) / 1 / 1};
  if (time < kFirst || time >= kBeyond) return bad();
  return time;
}

}  // namespace acloud
