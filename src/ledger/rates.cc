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

RateWindow::Sum RateWindow::sum(std::int64_t from, std::int64_t to) const {
  Sum sum;
  for (auto at = seconds_.rbegin(); at != seconds_.rend() && at->second >= from; ++at) {
    if (at->second > to) continue;
    sum.requests += at->requests;
    sum.tokens += at->tokens;
  }
  return sum;
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
  const Sum minute = sum(second - kSeconds, second);
  if (limit.rpm && minute.requests + 1 > *limit.rpm) {
    const auto reset = until(second, minute.requests + 1 - *limit.rpm, &SecondCount::requests);
    return over_rate("requests", name,
                     {*limit.rpm, std::max<std::int64_t>(*limit.rpm - minute.requests, 0), reset}, 1);
  }
  if (limit.tpm && minute.tokens + tokens > *limit.tpm) {
    const auto reset = until(second, minute.tokens + tokens - *limit.tpm, &SecondCount::tokens);
    return over_rate("tokens", name,
                     {*limit.tpm, std::max<std::int64_t>(*limit.tpm - minute.tokens, 0), reset}, tokens);
  }
  if (limit.growth_percent) {
    const Sum before = sum(second - 2 * kSeconds - 1, second - kSeconds - 1);
    const std::int64_t allowed = std::max(
        limit.tpm.value_or(0) / kGrowthFloorShare,
        static_cast<std::int64_t>(static_cast<__int128>(before.tokens) * *limit.growth_percent / 100));
    // Without a floor the first minute would allow nothing at all.
    const bool begins = !limit.tpm && before.tokens == 0;
    if (!begins && minute.tokens + tokens > allowed) {
      return over_rate("growth", name,
                       {allowed, std::max<std::int64_t>(allowed - minute.tokens, 0),
                        until(second, minute.tokens + tokens - allowed, &SecondCount::tokens)},
                       tokens);
    }
  }
  return {};
}

Standing RateWindow::standing(const RateLimit& limit, std::int64_t second) const {
  const Sum minute = sum(second - kSeconds, second);
  Standing standing;
  if (limit.rpm) {
    standing.requests = Level{*limit.rpm, std::max<std::int64_t>(*limit.rpm - minute.requests, 0),
                              until(second, minute.requests, &SecondCount::requests)};
  }
  if (limit.tpm) {
    standing.tokens = Level{*limit.tpm, std::max<std::int64_t>(*limit.tpm - minute.tokens, 0),
                            until(second, minute.tokens, &SecondCount::tokens)};
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
