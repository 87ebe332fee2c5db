#include "task/schedule/zone.h"

#include <date/tz.h>

namespace acloud::task::schedule {
namespace {

date::local_seconds to_date(LocalSeconds local) { return date::local_seconds(local.time_since_epoch()); }

Time to_time(date::sys_seconds moment) { return Time(moment.time_since_epoch()); }

bool is_zone_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && text.find("..") == text.npos &&
         std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
                  c == '_' || c == '-' || c == '+';
         });
}

}  // namespace

struct Zone::Data {
  const date::time_zone* zone;  // of the library's own list, which stays; null for UTC
};

Result<Zone> Zone::find(const std::string& name) {
  if (name == "UTC") return Zone(std::make_shared<Data>(nullptr));
  if (is_zone_name(name)) {
    try {
      return Zone(std::make_shared<Data>(date::locate_zone(name)));
    } catch (const std::runtime_error&) {  // how the library says that there is none
    }
  }
  return fail(ErrorCode::invalid_argument,
              "time_zone: {} is none that this machine knows; write it as \"Europe/Oslo\", or \"UTC\"", name);
}

LocalSeconds Zone::to_local(Time time) const {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  if (data_->zone == nullptr) return LocalSeconds(seconds.time_since_epoch());
  return LocalSeconds(
      data_->zone->to_local(date::sys_seconds(seconds.time_since_epoch())).time_since_epoch());
}

Zone::Moments Zone::moments_of(LocalSeconds local) const {
  if (data_->zone == nullptr) return {Time(local.time_since_epoch()), std::nullopt, false};
  const date::local_info info = data_->zone->get_info(to_date(local));
  const auto with = [&](std::chrono::seconds offset) { return Time(local.time_since_epoch() - offset); };
  switch (info.result) {
    case date::local_info::nonexistent:
      return {to_time(info.first.end), std::nullopt, true};
    case date::local_info::ambiguous:
      return {with(info.first.offset), with(info.second.offset), false};
    default:
      return {with(info.first.offset), std::nullopt, false};
  }
}

}  // namespace acloud::task::schedule
