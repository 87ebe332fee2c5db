// Why a call may not begin: errors that a surface can say in its dialect.
#pragma once

#include "ledger/budget.h"

namespace acloud::ledger {

// One limit and where it stands, as the x-ratelimit headers have it.
struct Level {
  std::int64_t limit = 0;
  std::int64_t remaining = 0;
  std::chrono::milliseconds reset{};  // until it is all there again
};

// The narrowest limits that apply to a call, after it was counted.
struct Standing {
  std::optional<Level> requests;
  std::optional<Level> tokens;
};

// budget_exceeded: details kind "budget", budget, scope, period, limit, remaining, needed, and reset_s where
// the period ends.
std::unexpected<Error> over_budget(const Budget& budget, Money taken, Money needed, Time now);
// rate_limited with retry_after: details kind ("requests" or "tokens"), limit, remaining, reset_s.
std::unexpected<Error> over_rate(std::string_view unit, std::string_view scope, const Level& level,
                                 std::int64_t needed);
// The same with kind "growth", and `of`: requests or tokens.
std::unexpected<Error> over_growth(std::string_view unit, std::string_view scope, const Level& level,
                                   std::int64_t needed);

// "key key_1", for people.
std::string text_of(const Scope& scope);

}  // namespace acloud::ledger
