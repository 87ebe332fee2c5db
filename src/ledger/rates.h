// Rate limits: how many calls, and how many tokens, in any minute, and how fast these may grow.
//
// Calls are counted by the second they began in. A call may begin where the sixty seconds before its own, and
// its own, have room for it: so in no sixty seconds, wherever they begin, is there more than the limit.
// Tokens are counted as the call's estimate until it has ended, then as what it used, in the second it began
// in.
//
// Growth, as providers limit it: a sudden burst is refused also below the limit. With c(t) for what is
// counted in the seconds t - 60 to t, of requests where `rpm` is set and of tokens where `tpm` is, a call
// that needs n (1 request; its tokens) may begin in second s where
//
//     c(s) + n <= max(floor, c(s - 61) * growth_percent / 100)      floor = max(1, limit / 10)
//
// c(s) and c(s - 61) are neighbours that do not overlap. The floor lets traffic begin. A refusal says when
// the call may begin if nothing else does.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <mutex>

#include "ledger/budget.h"
#include "ledger/rate_limit.h"
#include "ledger/refusal.h"

namespace acloud::ledger {

// What was counted in one second.
struct SecondCount {
  std::int64_t second = 0;  // since 1970
  std::int64_t requests = 0;
  std::int64_t tokens = 0;
};

// What growth allows in a minute, by what was counted in the one before. Pure.
std::int64_t growth_allowed(std::int64_t before, std::int64_t percent, std::int64_t limit);

// The counts that a limit is checked against: of the last two minutes. Pure.
class RateWindow {
 public:
  static constexpr std::int64_t kSeconds = 60;

  void add(const SecondCount& count);  // REQUIRES: no second before the last one's
  // May a call with at most `tokens` begin in `second`? Counts nothing. `name` is whose limit it is.
  // Errors: rate_limited.
  Result<> check(const RateLimit& limit, std::int64_t tokens, std::int64_t second,
                 std::string_view name) const;
  Standing standing(const RateLimit& limit, std::int64_t second) const;
  // Corrects what a call was counted as.
  void correct(std::int64_t second, std::int64_t tokens);
  // Takes a call out that was counted, and not made.
  void uncount(std::int64_t second, std::int64_t tokens);
  void forget_before(std::int64_t second);
  bool idle(std::int64_t second) const;
  std::int64_t last() const { return seconds_.empty() ? 0 : seconds_.back().second; }

 private:
  // What a limit is about: requests or tokens.
  struct Measure {
    std::string_view unit;
    std::int64_t SecondCount::* what;
    std::int64_t limit;
    std::int64_t need;
  };
  static std::vector<Measure> measures(const RateLimit& limit, std::int64_t tokens);
  std::int64_t sum(std::int64_t SecondCount::* what, std::int64_t from,
                   std::int64_t to) const;  // both included
  std::int64_t minute(std::int64_t SecondCount::* what, std::int64_t second) const;
  std::int64_t grown(const Measure& measure, std::int64_t percent, std::int64_t second) const;
  Result<> check_growth(const Measure& measure, std::int64_t percent, std::int64_t second,
                        std::string_view name) const;
  std::chrono::milliseconds until(std::int64_t second, std::int64_t over,
                                  std::int64_t SecondCount::* what) const;
  std::deque<SecondCount> seconds_;
};

// A limit that applies to a call: whose counts it is checked against.
struct RateRule {
  std::string counter;  // names the counts: the same for all calls that share them
  std::string name;     // for people
  RateLimit limit;
};

// What a call was counted as, to be corrected when it ends.
struct RateShare {
  std::string counter;
  std::int64_t second = 0;
  std::int64_t tokens = 0;
};

// A limit that was set for a scope; `model` narrows it to one.
struct SetRate {
  std::string id;
  Scope scope;
  std::string model;  // "" for all
  RateLimit limit;
  bool by_operator = false;
};

// The limits there are, and, where one server has the database to itself, the counts. Thread-safe.
class RateLimits {
 public:
  explicit RateLimits(Clock& clock) : clock_(clock) {}

  void set_configured(std::map<std::string, ModelLimits> models);
  void set_all(std::vector<SetRate> rates);
  bool empty() const { return count_.load(std::memory_order_relaxed) == 0; }

  // Those that apply to a call of the payer.
  std::vector<RateRule> matching(const Payer& payer) const;
  struct Counted {
    std::vector<RateShare> shares;
    Standing standing;
  };
  // Counts the call towards all of them, or none. Errors: rate_limited.
  Result<Counted> take(const std::vector<RateRule>& rules, std::int64_t tokens);
  // The call has ended with so many tokens.
  void settle(const std::vector<RateShare>& shares, std::int64_t tokens);
  // The call was not made after all.
  void give_back(const std::vector<RateShare>& shares);
  // What was counted before a restart.
  void restore(const std::string& counter, const SecondCount& count);
  // Forgets counters that are idle.
  void sweep();

 private:
  Clock& clock_;
  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, ModelLimits, std::less<>> configured_;
  std::map<Scope, std::vector<SetRate>> by_scope_;
  std::map<std::string, RateWindow> windows_;
  std::int64_t latest_ = 0;
  std::atomic<std::size_t> count_{0};
};

// The narrower of the two, bucket by bucket: what is left decides.
Standing narrower(const Standing& a, const Standing& b);

}  // namespace acloud::ledger
