#include "ledger/rates.h"

namespace acloud::ledger {
namespace {

constexpr std::int64_t kGrowthFloorShare = 10;  // of tpm
constexpr std::int64_t kKept = 2 * RateWindow::kSeconds;

std::int64_t second_of(Time time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

std::optional<Level> narrower(const std::optional<Level>& a, const std::optional<Level>& b) {
  if (!a || !b) return a ? a : b;
  return a->remaining <= b->remaining ? a : b;
}

}  // namespace

void RateWindow::add(const SecondCount& count) {
  if (!seconds_.empty() && seconds_.back().second >= count.second) {
    seconds_.back().requests += count.requests;
    seconds_.back().tokens += count.tokens;
  } else {
    seconds_.push_back(count);
  }
}

std::int64_t growth_allowed(std::int64_t before, std::int64_t percent, std::int64_t limit) {
  const auto grown = static_cast<std::int64_t>(static_cast<__int128>(before) * percent / 100);
  return std::max({std::int64_t{1}, limit / kGrowthFloorShare, grown});
}

std::vector<RateWindow::Measure> RateWindow::measures(const RateLimit& limit, std::int64_t tokens) {
  std::vector<Measure> measures;
  if (limit.rpm) measures.push_back({"requests", &SecondCount::requests, *limit.rpm, 1});
  if (limit.tpm) measures.push_back({"tokens", &SecondCount::tokens, *limit.tpm, tokens});
  return measures;
}

std::int64_t RateWindow::sum(std::int64_t SecondCount::* what, std::int64_t from, std::int64_t to) const {
  std::int64_t sum = 0;
  for (auto at = seconds_.rbegin(); at != seconds_.rend() && at->second >= from; ++at) {
    if (at->second <= to) sum += (*at).*what;
  }
  return sum;
}

std::int64_t RateWindow::minute(std::int64_t SecondCount::* what, std::int64_t second) const {
  return sum(what, second - kSeconds, second);
}

// How long until `over` of what the last minute has will have left it.
std::chrono::milliseconds RateWindow::until(std::int64_t second, std::int64_t over,
                                            std::int64_t SecondCount::* what) const {
  for (const SecondCount& count : seconds_) {
    if (count.second < second - kSeconds) continue;
    over -= count.*what;
    if (over <= 0) return std::chrono::seconds(count.second + kSeconds + 1 - second);
  }
  return std::chrono::seconds(kSeconds + 1);
}

Result<> RateWindow::check(const RateLimit& limit, std::int64_t tokens, std::int64_t second,
                           std::string_view name) const {
  const std::vector<Measure> all = measures(limit, tokens);
  for (const Measure& measure : all) {
    const std::int64_t now = minute(measure.what, second);
    if (now + measure.need <= measure.limit) continue;
    const auto reset = until(second, now + measure.need - measure.limit, measure.what);
    return over_rate(measure.unit, name,
                     {measure.limit, std::max<std::int64_t>(measure.limit - now, 0), reset}, measure.need);
  }
  for (const Measure& measure : all) {
    if (limit.growth_percent) ACLOUD_CHECK(check_growth(measure, *limit.growth_percent, second, name));
  }
  return {};
}

// What growth allows in the minute that ends with `second`.
std::int64_t RateWindow::grown(const Measure& measure, std::int64_t percent, std::int64_t second) const {
  return growth_allowed(minute(measure.what, second - kSeconds - 1), percent, measure.limit);
}

Result<> RateWindow::check_growth(const Measure& measure, std::int64_t percent, std::int64_t second,
                                  std::string_view name) const {
  const auto fits = [&](std::int64_t at) {
    return minute(measure.what, at) + measure.need <= grown(measure, percent, at);
  };
  if (fits(second)) return {};
  std::int64_t at = second + 1;
  const std::int64_t forgotten = second + 2 * kSeconds + 2;
  while (at < forgotten && !fits(at)) ++at;
  const std::int64_t allowed = grown(measure, percent, second);
  const std::int64_t left = std::max<std::int64_t>(allowed - minute(measure.what, second), 0);
  return over_growth(measure.unit, name, {allowed, left, std::chrono::seconds(at - second)}, measure.need);
}

Standing RateWindow::standing(const RateLimit& limit, std::int64_t second) const {
  Standing standing;
  for (const Measure& measure : measures(limit, 0)) {
    const std::int64_t now = minute(measure.what, second);
    const Level level{measure.limit, std::max<std::int64_t>(measure.limit - now, 0),
                      until(second, now, measure.what)};
    (measure.unit == "requests" ? standing.requests : standing.tokens) = level;
  }
  return standing;
}

void RateWindow::correct(std::int64_t second, std::int64_t tokens) {
  for (auto at = seconds_.rbegin(); at != seconds_.rend() && at->second >= second; ++at) {
    if (at->second == second) at->tokens += tokens;
  }
}

void RateWindow::uncount(std::int64_t second, std::int64_t tokens) {
  for (SecondCount& count : seconds_) {
    if (count.second != second) continue;
    --count.requests;
    count.tokens -= tokens;
  }
}

void RateWindow::forget_before(std::int64_t second) {
  while (!seconds_.empty() && seconds_.front().second < second) seconds_.pop_front();
}

bool RateWindow::idle(std::int64_t second) const {
  return seconds_.empty() || seconds_.back().second < second - kKept - 1;
}

Standing narrower(const Standing& a, const Standing& b) {
  return {narrower(a.requests, b.requests), narrower(a.tokens, b.tokens)};
}

void RateLimits::set_configured(std::map<std::string, ModelLimits> models) {
  const std::lock_guard lock(mutex_);
  configured_.clear();
  for (auto& [model, limits] : models) configured_.emplace(model, limits);
  count_ = configured_.size() + by_scope_.size();
}

void RateLimits::set_all(std::vector<SetRate> rates) {
  const std::lock_guard lock(mutex_);
  by_scope_.clear();
  for (SetRate& rate : rates) by_scope_[rate.scope].push_back(std::move(rate));
  count_ = configured_.size() + by_scope_.size();
}

std::vector<RateRule> RateLimits::matching(const Payer& payer) const {
  std::vector<RateRule> rules;
  if (empty()) return rules;
  const std::lock_guard lock(mutex_);
  if (const auto found = configured_.find(payer.model); found != configured_.end()) {
    const ModelLimits& limits = found->second;
    if (limits.rpm || limits.tpm || limits.growth_percent) {
      rules.push_back(
          {fmt::format("model {}", payer.model), fmt::format("model {}", payer.model), limits.all()});
    }
    if (limits.each_key) {
      rules.push_back({fmt::format("model {} key {}", payer.model, payer.key),
                       fmt::format("a key of model {}", payer.model), *limits.each_key});
    }
  }
  Scope scope{.workspace = std::string(payer.workspace)};
  for (const ScopeKind kind : kScopeKinds) {
    scope.kind = kind;
    scope.id = payer.at(kind);
    const auto found = by_scope_.find(scope);
    if (found == by_scope_.end()) continue;
    for (const SetRate& rate : found->second) {
      if (!rate.model.empty() && rate.model != payer.model) continue;
      rules.push_back({rate.id,
                       rate.model.empty() ? text_of(scope) : text_of(scope) + " with model " + rate.model,
                       rate.limit});
    }
  }
  return rules;
}

Result<RateLimits::Counted> RateLimits::take(const std::vector<RateRule>& rules, std::int64_t tokens) {
  Counted counted;
  if (rules.empty()) return counted;
  const std::lock_guard lock(mutex_);
  // A clock that is set back gives nobody room that was used.
  latest_ = std::max(latest_, second_of(clock_.now()));
  for (const RateRule& rule : rules) {
    RateWindow& window = windows_[rule.counter];
    window.forget_before(latest_ - kKept - 1);
    ACLOUD_CHECK(window.check(rule.limit, tokens, latest_, rule.name));
  }
  for (const RateRule& rule : rules) {
    RateWindow& window = windows_[rule.counter];
    window.add({latest_, 1, tokens});
    counted.shares.push_back({rule.counter, latest_, tokens});
    counted.standing = narrower(counted.standing, window.standing(rule.limit, latest_));
  }
  return counted;
}

void RateLimits::settle(const std::vector<RateShare>& shares, std::int64_t tokens) {
  if (shares.empty()) return;
  const std::lock_guard lock(mutex_);
  for (const RateShare& share : shares) {
    if (const auto found = windows_.find(share.counter); found != windows_.end())
      found->second.correct(share.second, tokens - share.tokens);
  }
}

void RateLimits::give_back(const std::vector<RateShare>& shares) {
  if (shares.empty()) return;
  const std::lock_guard lock(mutex_);
  for (const RateShare& share : shares) {
    if (const auto found = windows_.find(share.counter); found != windows_.end())
      found->second.uncount(share.second, share.tokens);
  }
}

void RateLimits::restore(const std::string& counter, const SecondCount& count) {
  const std::lock_guard lock(mutex_);
  windows_[counter].add(count);
  latest_ = std::max(latest_, count.second);
}

void RateLimits::sweep() {
  const std::lock_guard lock(mutex_);
  const std::int64_t now = std::max(latest_, second_of(clock_.now()));
  std::erase_if(windows_, [now](const auto& entry) { return entry.second.idle(now); });
}

}  // namespace acloud::ledger
