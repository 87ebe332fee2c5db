#include "ledger/budget.h"

namespace acloud::ledger {

using namespace std::chrono;

Time period_start(Period period, Time time) {
  switch (period) {
    case Period::hour:
      return floor<hours>(time);
    case Period::day:
      return floor<days>(time);
    case Period::month: {
      const year_month_day date{floor<days>(time)};
      return sys_days{date.year() / date.month() / 1};
    }
    case Period::total:
      break;
  }
  return Time{};
}

std::optional<Time> period_end(Period period, Time time) {
  const Time start = period_start(period, time);
  switch (period) {
    case Period::hour:
      return start + hours(1);
    case Period::day:
      return start + days(1);
    case Period::month: {
      const year_month_day date{floor<days>(start)};
      return sys_days{date.year() / date.month() / 1 + months(1)};
    }
    case Period::total:
      break;
  }
  return std::nullopt;
}

std::string_view Payer::at(ScopeKind kind) const {
  switch (kind) {
    case ScopeKind::workspace:
      return workspace;
    case ScopeKind::key:
      return key;
    case ScopeKind::principal:
      return principal;
    case ScopeKind::model:
      return model;
    case ScopeKind::task:
      break;
  }
  return task;
}

}  // namespace acloud::ledger
