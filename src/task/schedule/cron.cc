#include "task/schedule/cron.h"

#include <array>
#include <charconv>
#include <vector>

namespace acloud::task::schedule {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

constexpr int kDaysAhead = 366 * 9;  // a 29th of February on a given weekday may be that far, over 2100

struct FieldForm {
  std::string_view name;
  int low;
  int high;
  std::span<const std::string_view> names;  // of low, low + 1 and so on
};

constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdays = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr std::array<FieldForm, 5> kFields = {{{"minute", 0, 59, {}},
                                               {"hour", 0, 23, {}},
                                               {"day of the month", 1, 31, {}},
                                               {"month", 1, 12, kMonths},
                                               {"day of the week", 0, 7, kWeekdays}}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kShort = {
    {{"@hourly", "0 * * * *"},
     {"@daily", "0 0 * * *"},
     {"@midnight", "0 0 * * *"},
     {"@weekly", "0 0 * * 0"},
     {"@monthly", "0 0 1 * *"},
     {"@yearly", "0 0 1 1 *"},
     {"@annually", "0 0 1 1 *"}}};

std::unexpected<Error> wrong(const FieldForm& form, std::string_view text) {
  return fail(ErrorCode::invalid_argument,
              "cron: {} is no {}: write *, or numbers from {} to {}{}, as 5, 1-5, */15 or 1,15", text,
              form.name, form.low, form.high, form.names.empty() ? "" : " or names");
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t at = text.find_first_of(separators);
    parts.push_back(text.substr(0, at));
    if (at == text.npos) break;
    text.remove_prefix(at + 1);
    if (text.empty()) parts.emplace_back();
  }
  return parts;
}

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || text.front() == '-' || error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

std::optional<int> value_of(const FieldForm& form, std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (std::size_t i = 0; i < form.names.size(); ++i) {
    if (form.names[i] == lower) return form.low + static_cast<int>(i);
  }
  const auto value = number(text);
  return value && *value >= form.low && *value <= form.high ? value : std::nullopt;
}

// One item of a list: *, a value or a range, with a step or without.
template <std::size_t N>
Result<> add_item(const FieldForm& form, std::string_view item, std::bitset<N>& set) {
  const std::size_t slash = item.find('/');
  const std::string_view range = item.substr(0, slash);
  int step = 1;
  if (slash != item.npos) {
    const auto given = number(item.substr(slash + 1));
    if (!given || *given < 1 || *given > form.high) return wrong(form, item);
    step = *given;
  }
  int low = form.low;
  int high = form.high;
  if (range != "*") {
    const std::size_t dash = range.find('-');
    const auto first = value_of(form, range.substr(0, dash));
    const auto last = dash == range.npos ? first : value_of(form, range.substr(dash + 1));
    if (!first || !last || *first > *last) return wrong(form, item);
    low = *first;
    // As elsewhere: 5/15 is 5-59/15.
    high = dash == range.npos && slash != item.npos ? form.high : *last;
  }
  // In the week's field 7 is Sunday again.
  for (int value = low; value <= high; value += step) set.set(static_cast<std::size_t>(value) % N);
  return {};
}

template <std::size_t N>
Result<> parse_field(const FieldForm& form, std::string_view text, std::bitset<N>& set) {
  for (const std::string_view item : split(text, ",")) ACLOUD_CHECK(add_item(form, item, set));
  return {};
}

bool is_day(const Cron& cron, std::chrono::local_days day) {
  const std::chrono::year_month_day date(day);
  if (!cron.months[static_cast<unsigned>(date.month())]) return false;
  const bool by_date = cron.days[static_cast<unsigned>(date.day())];
  const bool by_week = cron.weekdays[std::chrono::weekday(day).c_encoding()];
  return cron.any_day || cron.any_weekday ? by_date && by_week : by_date || by_week;
}

// The first of a day's times that is after `after`. Those of a day follow each other in real time but where
// the clock is put back, so all are looked at.
std::optional<Time> next_on(const Cron& cron, const Zone& zone, std::chrono::local_days day, Time after) {
  const bool real_time = cron.hours.all();
  std::optional<Time> next;
  const auto offer = [&](Time moment) {
    if (moment > after && (!next || moment < *next)) next = moment;
  };
  for (int hour = 0; hour < 24; ++hour) {
    if (!cron.hours[static_cast<std::size_t>(hour)]) continue;
    for (int minute = 0; minute < 60; ++minute) {
      if (!cron.minutes[static_cast<std::size_t>(minute)]) continue;
      const Zone::Moments moments = zone.moments_of(LocalSeconds(day) + hours(hour) + minutes(minute));
      if (moments.skipped && real_time) continue;
      offer(moments.first);
      if (real_time && moments.second) offer(*moments.second);
    }
  }
  return next;
}

}  // namespace

Result<Cron> parse_cron(std::string_view text) {
  if (text.size() > kCronMost) {
    return fail(ErrorCode::invalid_argument, "cron: {} bytes, the most is {}", text.size(), kCronMost);
  }
  for (const auto& [name, meaning] : kShort) {
    if (text == name) text = meaning;
  }
  std::vector<std::string_view> parts = split(text, " \t");
  std::erase(parts, std::string_view());
  if (parts.size() != kFields.size()) {
    return fail(
        ErrorCode::invalid_argument,
        "cron: \"{}\" has {} fields, not 5: minute, hour, day of the month, month, day of the week; or write "
        "@hourly, @daily, @weekly, @monthly, @yearly",
        text, parts.size());
  }
  Cron cron;
  ACLOUD_CHECK(parse_field(kFields[0], parts[0], cron.minutes));
  ACLOUD_CHECK(parse_field(kFields[1], parts[1], cron.hours));
  ACLOUD_CHECK(parse_field(kFields[2], parts[2], cron.days));
  ACLOUD_CHECK(parse_field(kFields[3], parts[3], cron.months));
  ACLOUD_CHECK(parse_field(kFields[4], parts[4], cron.weekdays));
  cron.any_day = parts[2].starts_with('*');
  cron.any_weekday = parts[4].starts_with('*');
  return cron;
}

std::optional<Time> next_after(const Cron& cron, const Zone& zone, Time after) {
  // From the day before: a zone's clock may be put back over midnight.
  auto day = std::chrono::floor<days>(zone.to_local(after)) - days(1);
  std::optional<Time> next;
  for (int i = 0; i < kDaysAhead; ++i, day += days(1)) {
    if (!is_day(cron, day)) continue;
    const auto found = next_on(cron, zone, day, after);
    if (!found) continue;
    if (!next || *found < *next) next = found;
    if (i >= 2 || *next < zone.moments_of(LocalSeconds(day) + days(1)).first) break;
  }
  return next;
}

}  // namespace acloud::task::schedule
