#include "ledger/refusal.h"

namespace acloud::ledger {
namespace {

double seconds_of(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

std::string text_of(const Scope& scope) {
  return fmt::format("{} {}", schema::Codec<ScopeKind>::name(scope.kind), scope.id);
}

std::unexpected<Error> over_budget(const Budget& budget, Money taken, Money needed, Time now) {
  const std::string_view period = schema::Codec<Period>::name(budget.period);
  const Money remaining = std::max(budget.limit - taken, Money());
  Error error =
      Error(
          ErrorCode::budget_exceeded,
          fmt::format("the call may cost {}, and of the budget of {} for {} ({} a {}) {} is left; ask for a "
                      "shorter reply, or raise it with budget.set",
                      needed.text(), budget.limit.text(), text_of(budget.scope), budget.id, period,
                      remaining.text()))
          .with_detail("kind", "budget")
          .with_detail("budget", budget.id)
          .with_detail("scope", Json{{schema::Codec<ScopeKind>::name(budget.scope.kind), budget.scope.id}})
          .with_detail("period", period)
          .with_detail("limit", budget.limit.text())
          .with_detail("remaining", remaining.text())
          .with_detail("needed", needed.text());
  const auto end = period_end(budget.period, now);
  if (!end) return std::unexpected(std::move(error));
  return std::unexpected(std::move(error).with_detail("reset_s", seconds_of(*end - now)));
}

namespace {

std::unexpected<Error> limited(std::string message, std::string_view kind, std::string_view of,
                               const Level& level) {
  Error error = Error(ErrorCode::rate_limited, std::move(message))
                    .with_retry_after(std::max(level.reset, std::chrono::milliseconds(1)))
                    .with_detail("kind", kind)
                    .with_detail("limit", level.limit)
                    .with_detail("remaining", level.remaining)
                    .with_detail("reset_s", seconds_of(level.reset));
  if (kind == of) return std::unexpected(std::move(error));
  return std::unexpected(std::move(error).with_detail("of", of));
}

}  // namespace

std::unexpected<Error> over_rate(std::string_view unit, std::string_view scope, const Level& level,
                                 std::int64_t needed) {
  return limited(fmt::format("{} may use {} {} a minute; {} are left and the call may need {}", scope,
                             level.limit, unit, level.remaining, needed),
                 unit, unit, level);
}

std::unexpected<Error> over_growth(std::string_view unit, std::string_view scope, const Level& level,
                                   std::int64_t needed) {
  return limited(fmt::format("{} may not grow so fast: {} {} a minute now, {} are left and the call may need "
                             "{}; send more only little by little",
                             scope, level.limit, unit, level.remaining, needed),
                 "growth", unit, level);
}

}  // namespace acloud::ledger
