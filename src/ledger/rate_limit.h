// What a rate limit says, in the configuration and where it is set. rates.h has the rules.
#pragma once

#include "base/schema.h"

namespace acloud::ledger {

inline constexpr const char* kGrowthText =
    "A minute's calls and tokens at most, in percent of the minute's before; a tenth of rpm and tpm is "
    "always "
    "allowed.";

struct RateLimit {
  std::optional<std::int64_t> rpm;
  std::optional<std::int64_t> tpm;
  std::optional<std::int64_t> growth_percent;
  static constexpr auto schema =
      fields(field("rpm", &RateLimit::rpm, "Calls a minute at most.", between(0, 1'000'000'000)),
             field("tpm", &RateLimit::tpm, "Tokens a minute at most.", between(0, 1'000'000'000'000)),
             field("growth_percent", &RateLimit::growth_percent, kGrowthText, between(100, 100'000)));
  friend bool operator==(const RateLimit&, const RateLimit&) = default;
};

// What the configuration says of a model, whoever calls it: `limits` in [[model]].
struct ModelLimits {
  std::optional<std::int64_t> rpm;
  std::optional<std::int64_t> tpm;
  std::optional<std::int64_t> growth_percent;
  std::optional<RateLimit> each_key;
  static constexpr auto schema = fields(
      field("rpm", &ModelLimits::rpm, "Calls a minute at most, of all callers.", between(0, 1'000'000'000)),
      field("tpm", &ModelLimits::tpm, "Tokens a minute at most, of all callers.",
            between(0, 1'000'000'000'000)),
      field("growth_percent", &ModelLimits::growth_percent, kGrowthText, between(100, 100'000)),
      field("each_key", &ModelLimits::each_key, "The same for each key by itself."));
  RateLimit all() const { return {rpm, tpm, growth_percent}; }
};

// Errors: invalid_argument: growth without a limit that it could go by.
inline Result<> check(const RateLimit& limit) {
  if (!limit.growth_percent || limit.rpm || limit.tpm) return {};
  return fail(ErrorCode::invalid_argument,
              "growth_percent: needs rpm or tpm beside it, whichever may not grow");
}

}  // namespace acloud::ledger
