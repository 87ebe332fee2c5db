// Budgets: how much may be spent by whom in which time.
#pragma once

#include <array>
#include <string>

#include "ledger/money.h"

namespace acloud::ledger {

// What a budget or a rate limit is about, always within one workspace.
enum class ScopeKind { workspace, key, principal, model, task };
constexpr auto enum_names(ScopeKind) {
  using enum ScopeKind;
  return std::array<std::pair<ScopeKind, std::string_view>, 5>{
      {{workspace, "workspace"}, {key, "key"}, {principal, "principal"}, {model, "model"}, {task, "task"}}};
}

struct Scope {
  std::string workspace;
  ScopeKind kind = ScopeKind::workspace;
  std::string id;  // the workspace's own where the kind is workspace
  friend auto operator<=>(const Scope&, const Scope&) = default;
};

// In UTC. All begin with an hour, as the sums of usage do.
enum class Period { hour, day, month, total };
constexpr auto enum_names(Period) {
  using enum Period;
  return std::array<std::pair<Period, std::string_view>, 4>{
      {{hour, "hour"}, {day, "day"}, {month, "month"}, {total, "total"}}};
}
// When the period that `time` is in began; 1970 for `total`.
Time period_start(Period period, Time time);
// When the next one begins; nothing for `total`.
std::optional<Time> period_end(Period period, Time time);

struct Budget {
  std::string id;
  Scope scope;
  Money limit;
  Period period = Period::month;
  bool by_operator = false;  // only operators may change it
  Time created{};
  friend bool operator==(const Budget&, const Budget&) = default;
};

// Who pays for a use of which model: what budgets and rate limits are looked up by. Views.
struct Payer {
  std::string_view workspace;
  std::string_view key;
  std::string_view principal;
  std::string_view task;
  std::string_view model;

  // What `kind` is here; "" for no task.
  std::string_view at(ScopeKind kind) const;
  bool within(const Scope& scope) const {
    return scope.workspace == workspace && !scope.id.empty() && scope.id == at(scope.kind);
  }
};

inline constexpr std::array kScopeKinds{ScopeKind::workspace, ScopeKind::key, ScopeKind::principal,
                                        ScopeKind::model, ScopeKind::task};

}  // namespace acloud::ledger
