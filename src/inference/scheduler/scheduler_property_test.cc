// Whatever requests come and go in whatever order: each says what it would say alone, nothing is computed for
// one that has ended, no limit is passed, and all that is left ends.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "inference/scheduler/scheduler.h"
#include "inference/scheduler/testing/fake_engine.h"

namespace acloud::inference {
namespace {

using testing::FakeEngine;

struct Live {
  std::vector<Token> prompt;
  std::size_t wants;
  std::vector<Token> said;
};

SchedulerOptions any_options() {
  SchedulerOptions options;
  options.sequences = *rc::gen::inRange(1, 6);
  options.context = *rc::gen::inRange(8, 65);
  options.cells = options.context + *rc::gen::inRange(0, 200);
  options.batch = options.sequences + *rc::gen::inRange(0, 40);
  options.chunk = *rc::gen::inRange(1, 20);
  options.reuse = *rc::gen::arbitrary<bool>();
  options.keep_from = *rc::gen::inRange(0, 12);
  options.least_shared = *rc::gen::inRange(1, 6);
  options.aside = *rc::gen::inRange(0, 200);
  options.aside_from = *rc::gen::inRange(1, 12);
  return options;
}

// Few different beginnings, so that prompts share them.
std::vector<Token> any_prompt(const SchedulerOptions& options) {
  const auto size = *rc::gen::inRange(1, options.context);
  const auto shared = *rc::gen::inRange(0, size + 1);
  const auto family = *rc::gen::inRange(0, 3);
  std::vector<Token> prompt;
  for (int i = 0; i < size; ++i)
    prompt.push_back(i < shared ? family * 100 + i : *rc::gen::inRange(1000, 1003));
  return prompt;
}

class Play {
 public:
  explicit Play(const SchedulerOptions& options) : options_(options), scheduler_(options), engine_(options) {}

  void add(std::vector<Token> prompt) {
    const RequestId id = ++ids_;
    const auto room = static_cast<std::size_t>(options_.context) - prompt.size();
    Live live{.prompt = prompt, .wants = 1 + *rc::gen::inRange<std::size_t>(0, room), .said = {}};
    const std::string workspace(1, static_cast<char>('a' + *rc::gen::inRange(0, 3)));
    const std::optional<Kept> kept = longest_kept(prompt);
    RC_ASSERT(scheduler_.add(id, workspace, std::move(prompt), kept).has_value());
    live_[id] = std::move(live);
  }
  void cancel() {
    if (live_.empty()) return;
    const auto which = *rc::gen::inRange<std::size_t>(0, live_.size());
    const auto found = std::next(live_.begin(), static_cast<std::ptrdiff_t>(which));
    scheduler_.end(found->first);
    live_.erase(found);
  }
  bool step(bool cancels) {
    const auto step = scheduler_.next();
    if (const auto fetch = scheduler_.wanted()) {
      RC_ASSERT(fetches_.empty());
      fetches_.push_back(*fetch);
    }
    if (!step) return false;
    for (const Work& work : step->work) RC_ASSERT(live_.contains(work.request));
    if (cancels) cancel();
    engine_.saves = *rc::gen::inRange(0, 8) > 0;
    std::string wrong;
    const auto said = engine_.run(*step, wrong);
    RC_ASSERT(wrong == "");
    for (const Leaving& leaving : step->leaving) {
      RC_ASSERT(options_.keep_from > 0 && std::ssize(leaving.tokens) >= options_.keep_from);
      kept_.push_back(leaving.tokens);
    }
    for (const Aside::Id unsaved : engine_.unsaved) scheduler_.not_aside(unsaved);
    for (const Sequence refused : engine_.refused) scheduler_.not_restored(refused);
    scheduler_.taken();
    for (const Leaving& held : scheduler_.held()) RC_ASSERT(held.tokens == engine_.held(held));
    RC_ASSERT(scheduler_.stats().aside <= options_.aside);
    RC_ASSERT(scheduler_.stats().cells_used == engine_.cells());
    for (const auto& [id, token] : said) hear(id, token);
    return true;
  }
  // What was wanted arrives, is lost, or is of no use.
  void fetch() {
    if (fetches_.empty()) return;
    const Fetch fetch = fetches_.front();
    fetches_.pop_back();
    const int fate = *rc::gen::inRange(0, 4);
    const bool waited = scheduler_.fetched(fetch.request, fate > 0);
    if (waited) engine_.states[fetch.request] = fate == 1 ? std::vector<Token>() : kept_.at(fetch.state);
    RC_ASSERT(!waited || live_.contains(fetch.request));
  }
  void finish() {
    for (int steps = 0; step(false) || !fetches_.empty(); ++steps) {
      RC_ASSERT(steps < 100'000);
      fetch();
    }
    RC_ASSERT(live_.empty());
    RC_ASSERT(scheduler_.stats().waiting == 0U);
    RC_ASSERT(scheduler_.stats().running == 0U);
  }

 private:
  std::optional<Kept> longest_kept(const std::vector<Token>& prompt) const {
    Kept best;
    for (std::size_t i = 0; i < kept_.size(); ++i) {
      const auto common = std::ranges::mismatch(kept_[i], prompt).in1 - kept_[i].begin();
      if (common > best.tokens)
        best = {.state = i,
                .tokens = static_cast<std::int32_t>(common),
                .whole = static_cast<std::int32_t>(kept_[i].size()),
                .least_gain = *rc::gen::inRange(1, 6)};
    }
    return best.tokens > 0 ? std::optional(best) : std::nullopt;
  }
  void hear(RequestId id, Token token) {
    const auto found = live_.find(id);
    if (found == live_.end()) return scheduler_.said(id, token);  // was cancelled: no harm
    Live& live = found->second;
    live.said.push_back(token);
    if (live.said.size() < live.wants) return scheduler_.said(id, token);
    RC_ASSERT(live.said == FakeEngine::says(live.prompt, live.wants));
    scheduler_.end(id);
    live_.erase(found);
  }

  const SchedulerOptions options_;
  Scheduler scheduler_;
  FakeEngine engine_;
  std::map<RequestId, Live> live_;
  std::vector<std::vector<Token>> kept_;  // what has left memory
  std::vector<Fetch> fetches_;            // on their way
  RequestId ids_ = 0;
};

RC_GTEST_PROP(SchedulerProperty, EachSaysWhatItWouldSayAlone, ()) {
  const SchedulerOptions options = any_options();
  Play play(options);
  const auto events = *rc::gen::inRange(0, 60);
  for (int i = 0; i < events; ++i) {
    switch (*rc::gen::inRange(0, 6)) {
      case 0:
      case 1:
        play.add(any_prompt(options));
        break;
      case 2:
        play.cancel();
        break;
      case 3:
        play.step(true);
        break;
      case 4:
        play.fetch();
        break;
      default:
        play.step(false);
    }
  }
  play.finish();
}

// While two workspaces both have requests waiting, neither is served much more than the other.
RC_GTEST_PROP(SchedulerProperty, WorkspacesThatWaitAreServedAlike, ()) {
  const auto sequences = *rc::gen::inRange(1, 5);
  const SchedulerOptions options{
      .sequences = sequences, .cells = 4096, .context = 128, .batch = 64, .chunk = 16};
  Scheduler scheduler(options);
  FakeEngine engine(options);
  std::map<RequestId, std::size_t> wants;
  std::map<RequestId, bool> first;
  std::array<std::int64_t, 2> served{};
  std::array<int, 2> waiting{};
  for (RequestId id = 0; id < 60; ++id) {
    const auto size = *rc::gen::inRange(1, 60);
    std::vector<Token> prompt;
    for (int i = 0; i < size; ++i) prompt.push_back(static_cast<Token>(1000 * id) + i);
    wants[id] = *rc::gen::inRange<std::size_t>(1, 60);
    first[id] = id % 2 == 0;
    ++waiting[first[id] ? 0 : 1];
    RC_ASSERT(scheduler.add(id, first[id] ? "a" : "b", prompt).has_value());
  }
  while (const auto step = scheduler.next()) {
    std::string wrong;
    const auto said = engine.run(*step, wrong);
    RC_ASSERT(wrong == "");
    for (const Admitted& admitted : step->admitted) --waiting[first[admitted.request] ? 0 : 1];
    scheduler.taken();
    for (const Work& work : step->work) served[first[work.request] ? 0 : 1] += std::ssize(work.tokens);
    for (const auto& [id, token] : said) {
      if (--wants[id] == 0) {
        scheduler.end(id);
      } else {
        scheduler.said(id, token);
      }
    }
    // What runs is not stopped for fairness: the difference is at most what all places can run up.
    if (waiting[0] > 0 && waiting[1] > 0) RC_ASSERT(std::abs(served[0] - served[1]) <= 120 * (sequences + 1));
  }
}

}  // namespace
}  // namespace acloud::inference
