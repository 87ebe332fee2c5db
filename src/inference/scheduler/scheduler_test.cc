#include "inference/scheduler/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "inference/scheduler/testing/fake_engine.h"

namespace acloud::inference {
namespace {

using testing::FakeEngine;

std::vector<Token> prompt(Token start, std::size_t size) {
  std::vector<Token> tokens(size);
  std::iota(tokens.begin(), tokens.end(), start);
  return tokens;
}

// A scheduler with an engine, and requests that want so many tokens each.
struct World {
  explicit World(const SchedulerOptions& options) : scheduler(options), engine(options) {}

  void add(RequestId id, std::vector<Token> tokens, std::size_t wants, const std::string& workspace = "w") {
    ASSERT_TRUE(scheduler.add(id, workspace, std::move(tokens)));
    wanted[id] = wants;
  }
  // One step; false where there was none.
  bool step() {
    last = scheduler.next();
    if (!last) return false;
    ++steps;
    std::string wrong;
    const auto said = engine.run(*last, wrong);
    EXPECT_EQ(wrong, "");
    for (const Work& work : last->work) computed += work.tokens.size();
    for (const Admitted& admitted : last->admitted) cached[admitted.request] = admitted.cached;
    for (const Aside::Id unsaved : engine.unsaved) scheduler.not_aside(unsaved);
    for (const Sequence refused : engine.refused) scheduler.not_restored(refused);
    scheduler.taken();
    for (const auto& [id, token] : said) {
      replies[id].push_back(token);
      if (replies[id].size() == wanted[id]) {
        finished.push_back(id);
        scheduler.end(id);
      } else {
        scheduler.said(id, token);
      }
    }
    return true;
  }
  void run() {
    while (step()) ASSERT_LT(steps, 100'000);
  }

  Scheduler scheduler;
  FakeEngine engine;
  std::optional<Step> last;
  std::map<RequestId, std::size_t> wanted;
  std::map<RequestId, std::vector<Token>> replies;
  std::map<RequestId, std::int32_t> cached;
  std::vector<RequestId> finished;
  std::size_t computed = 0;
  int steps = 0;
};

TEST(SchedulerTest, OneRequestSpeaks) {
  World world({});
  world.add(1, prompt(0, 10), 5);
  world.run();
  EXPECT_EQ(world.replies[1], FakeEngine::says(prompt(0, 10), 5));
  EXPECT_EQ(world.steps, 5);  // the prompt gives the first token
  EXPECT_EQ(world.computed, 14U);
}

TEST(SchedulerTest, RequestsJoinBetweenSteps) {
  World world({});
  world.add(1, prompt(0, 10), 20);
  for (int i = 0; i < 5; ++i) world.step();
  world.add(2, prompt(100, 10), 5);
  world.step();
  ASSERT_EQ(world.last->work.size(), 2U);
  EXPECT_EQ(world.last->work[0].tokens.size(), 1U);
  EXPECT_EQ(world.last->work[1].tokens.size(), 10U);
  world.run();
  EXPECT_EQ(world.steps, 20);  // the second cost the first no step
  EXPECT_EQ(world.replies[2], FakeEngine::says(prompt(100, 10), 5));
}

TEST(SchedulerTest, LongPromptsComeByChunksBesideThoseThatSpeak) {
  World world({.cells = 4096, .context = 4096, .batch = 512, .chunk = 64});
  world.add(1, prompt(0, 10), 40);
  world.step();
  world.add(2, prompt(1000, 1000), 1);
  int steps = 0;
  while (world.replies[2].empty()) {
    const std::size_t before = world.replies[1].size();
    ASSERT_TRUE(world.step());
    EXPECT_EQ(world.replies[1].size(), before + 1);
    for (const Work& work : world.last->work) EXPECT_LE(work.tokens.size(), 64U);
    ++steps;
  }
  EXPECT_EQ(steps, 16);  // 1000 / 64
}

TEST(SchedulerTest, AlonePromptsTakeTheWholeBatch) {
  World world({.cells = 4096, .context = 4096, .batch = 512, .chunk = 64});
  world.add(1, prompt(0, 1000), 1);
  world.run();
  EXPECT_EQ(world.steps, 2);
}

TEST(SchedulerTest, ASharedPrefixIsComputedOnce) {
  World world({.sequences = 8, .cells = 8192, .context = 4096});
  for (RequestId id = 1; id <= 8; ++id) {
    auto tokens = prompt(0, 2000);
    tokens.push_back(static_cast<Token>(5000 + id));
    world.add(id, tokens, 3);
  }
  world.run();
  EXPECT_EQ(world.cached[1], 0);
  for (RequestId id = 2; id <= 8; ++id) EXPECT_EQ(world.cached[id], 2000);
  EXPECT_EQ(world.computed, 2000U + 8 * 3);
  EXPECT_LE(world.scheduler.stats().cells_used, 2000 + 8 * 3);
  for (RequestId id = 1; id <= 8; ++id) {
    auto tokens = prompt(0, 2000);
    tokens.push_back(static_cast<Token>(5000 + id));
    EXPECT_EQ(world.replies[id], FakeEngine::says(tokens, 3));
  }
}

TEST(SchedulerTest, AConversationContinuesInItsPlace) {
  World world({.sequences = 2, .cells = 4096, .context = 2048});
  world.add(1, prompt(0, 100), 10);
  world.run();
  auto longer = prompt(0, 100);
  const auto said = FakeEngine::says(longer, 10);
  longer.insert(longer.end(), said.begin(), said.end());
  longer.push_back(7);
  world.add(2, longer, 1);
  world.step();
  // All but the last thing said was taken in.
  EXPECT_EQ(world.cached[2], 109);
  EXPECT_TRUE(world.last->moves.empty());
}

TEST(SchedulerTest, TheSamePromptAgainComputesItsLastTokenAlone) {
  World world({.sequences = 2});
  world.add(1, prompt(0, 50), 1);
  world.run();
  world.add(2, prompt(0, 50), 1);
  world.run();
  EXPECT_EQ(world.cached[2], 49);
  EXPECT_EQ(world.replies[2], world.replies[1]);
}

TEST(SchedulerTest, WithoutReuseNothingIsShared) {
  World world({.sequences = 2, .reuse = false});
  for (RequestId id = 1; id <= 4; ++id) world.add(id, prompt(0, 50), 2);
  world.run();
  for (RequestId id = 1; id <= 4; ++id) {
    EXPECT_EQ(world.cached[id], 0);
    EXPECT_EQ(world.replies[id], FakeEngine::says(prompt(0, 50), 2));
  }
}

TEST(SchedulerTest, AnEndedRequestIsNeverNamedAgain) {
  World world({.sequences = 2});
  world.add(1, prompt(0, 10), 1000);
  world.add(2, prompt(100, 10), 3);
  world.add(3, prompt(200, 10), 3);
  world.step();
  auto step = world.scheduler.next();
  ASSERT_TRUE(step);
  world.scheduler.end(1);  // while the step is under way
  std::string wrong;
  const auto said = world.engine.run(*step, wrong);
  world.scheduler.taken();
  for (const auto& [id, token] : said) world.scheduler.said(id, token);
  while (world.step()) {
    for (const Work& work : world.last->work) ASSERT_NE(work.request, 1U);
    ASSERT_LT(world.steps, 100);
    if (world.replies[2].size() > 1) world.scheduler.end(2);
    if (world.replies[3].size() > 2) world.scheduler.end(3);
  }
  world.scheduler.end(99);  // nobody
}

TEST(SchedulerTest, AWaitingRequestCanEnd) {
  World world({.sequences = 1});
  world.add(1, prompt(0, 10), 5);
  world.add(2, prompt(50, 10), 5);
  world.step();
  world.scheduler.end(2);
  world.run();
  EXPECT_THAT(world.finished, ::testing::ElementsAre(1));
  EXPECT_EQ(world.scheduler.stats().waiting, 0U);
}

TEST(SchedulerTest, WorkspacesShareEvenly) {
  World world({.sequences = 2, .cells = 4096});
  // One floods the queue before the other comes.
  for (RequestId id = 1; id <= 50; ++id)
    world.add(id, prompt(static_cast<Token>(1000 * id), 20), 10, "greedy");
  world.step();
  for (RequestId id = 101; id <= 110; ++id)
    world.add(id, prompt(static_cast<Token>(1000 * id), 20), 10, "modest");
  world.run();
  // When the modest one's last is done, the greedy one had about as many.
  const auto last = std::ranges::find(world.finished, 110U);
  EXPECT_LE(last - world.finished.begin(), 23);
}

TEST(SchedulerTest, RestingSavesUpNoCredit) {
  World world({.sequences = 1, .cells = 4096});
  world.add(1, prompt(0, 20), 10, "a");
  world.run();
  for (RequestId id = 2; id <= 31; ++id) world.add(id, prompt(static_cast<Token>(1000 * id), 20), 10, "b");
  for (int i = 0; i < 150; ++i) world.step();
  for (RequestId id = 101; id <= 110; ++id) world.add(id, prompt(static_cast<Token>(1000 * id), 20), 10, "a");
  const std::size_t before = world.finished.size();
  for (int i = 0; i < 100; ++i) world.step();
  const auto of_b = std::ranges::count_if(world.finished.begin() + static_cast<std::ptrdiff_t>(before),
                                          world.finished.end(), [](RequestId id) { return id < 100; });
  EXPECT_GE(of_b, 4);
  EXPECT_LE(of_b, 6);
}

TEST(SchedulerTest, TheYoungestGivesWayWhereCellsRunOut) {
  World world({.sequences = 4, .cells = 128, .context = 120, .batch = 64});
  for (RequestId id = 1; id <= 4; ++id) world.add(id, prompt(static_cast<Token>(1000 * id), 25), 60);
  world.run();
  EXPECT_GT(world.scheduler.stats().preempted, 0U);
  for (RequestId id = 1; id <= 4; ++id)
    EXPECT_EQ(world.replies[id], FakeEngine::says(prompt(static_cast<Token>(1000 * id), 25), 60));
  EXPECT_EQ(world.cached.size(), 4U);
}

TEST(SchedulerTest, AFailedStepIsAsIfItHadNotBeen) {
  World world({.sequences = 2});
  world.add(1, prompt(0, 10), 5);
  const auto step = world.scheduler.next();
  ASSERT_TRUE(step);
  world.scheduler.failed();
  world.run();
  EXPECT_EQ(world.replies[1], FakeEngine::says(prompt(0, 10), 5));
}

// --- States that are kept elsewhere. ---

constexpr Kept kKept{.state = 7, .tokens = 100, .whole = 120, .least_gain = 50};

TEST(SchedulerTest, WaitsForAKeptStateBesideOthers) {
  World world({.sequences = 2, .cells = 4096});
  world.wanted[1] = 3;
  ASSERT_TRUE(world.scheduler.add(1, "w", prompt(0, 101), kKept));
  world.add(2, prompt(1000, 10), 5);
  ASSERT_TRUE(world.step());
  const auto fetch = world.scheduler.wanted();
  ASSERT_TRUE(fetch);
  EXPECT_EQ(fetch->request, 1U);
  EXPECT_EQ(fetch->state, 7U);
  EXPECT_EQ(world.replies[2].size(), 1U);  // others go on
  EXPECT_FALSE(world.cached.contains(1));
  world.step();
  EXPECT_FALSE(world.scheduler.wanted());
  EXPECT_TRUE(world.scheduler.fetched(1, true));
  world.engine.states[1] = prompt(0, 120);
  world.run();
  EXPECT_EQ(world.cached[1], 100);
  EXPECT_EQ(world.replies[1], FakeEngine::says(prompt(0, 101), 3));
  EXPECT_EQ(world.computed, 1U + 2 + 14);
  EXPECT_EQ(world.scheduler.stats().fetched_tokens, 100U);
}

TEST(SchedulerTest, AKeptStateIsFetchedOnceForAllWhoShareIt) {
  World world({.sequences = 4, .cells = 4096});
  for (RequestId id = 1; id <= 4; ++id) {
    world.wanted[id] = 2;
    ASSERT_TRUE(world.scheduler.add(id, "w", prompt(0, 110), kKept));
  }
  EXPECT_FALSE(world.step());
  EXPECT_EQ(world.scheduler.wanted()->request, 1U);
  EXPECT_FALSE(world.step());
  EXPECT_FALSE(world.scheduler.wanted());
  EXPECT_TRUE(world.scheduler.fetched(1, true));
  world.engine.states[1] = prompt(0, 120);
  world.run();
  EXPECT_FALSE(world.scheduler.wanted());
  for (RequestId id = 1; id <= 4; ++id) EXPECT_GE(world.cached[id], 100) << id;
}

TEST(SchedulerTest, ComputesWhereAKeptStateCantBeHad) {
  for (const bool refused : {false, true}) {
    World world({.sequences = 2, .cells = 4096});
    world.wanted[1] = 3;
    ASSERT_TRUE(world.scheduler.add(1, "w", prompt(0, 101), kKept));
    EXPECT_FALSE(world.step());
    ASSERT_TRUE(world.scheduler.wanted());
    EXPECT_EQ(world.scheduler.fetched(1, refused), refused);
    world.engine.states[1] = {};  // not a state
    world.run();
    EXPECT_EQ(world.cached[1], 0);
    EXPECT_EQ(world.replies[1], FakeEngine::says(prompt(0, 101), 3));
    EXPECT_EQ(world.scheduler.stats().prompt_tokens, 101U);
    EXPECT_EQ(world.scheduler.stats().cached_tokens, 0U);
  }
}

TEST(SchedulerTest, DoesNotFetchWhatSparesTooLittle) {
  World world({.sequences = 2, .cells = 4096});
  world.add(1, prompt(0, 60), 1);
  world.run();
  world.wanted[2] = 1;
  ASSERT_TRUE(world.scheduler.add(2, "w", prompt(0, 101), kKept));  // spares 40 beside what is in memory
  world.run();
  EXPECT_FALSE(world.scheduler.wanted());
  EXPECT_EQ(world.cached[2], 60);
}

TEST(SchedulerTest, WhoLeavesWhileItsStateComesHoldsNobodyUp) {
  World world({.sequences = 2, .cells = 4096});
  ASSERT_TRUE(world.scheduler.add(1, "w", prompt(0, 101), kKept));
  EXPECT_FALSE(world.step());
  ASSERT_TRUE(world.scheduler.wanted());
  world.scheduler.end(1);
  world.wanted[2] = 1;
  ASSERT_TRUE(world.scheduler.add(2, "w", prompt(0, 101), kKept));
  EXPECT_FALSE(world.step());  // one at a time
  EXPECT_FALSE(world.scheduler.fetched(1, true));
  EXPECT_FALSE(world.step());
  EXPECT_EQ(world.scheduler.wanted()->request, 2U);
  world.scheduler.fetched(2, false);
  world.run();
  EXPECT_EQ(world.finished, std::vector<RequestId>{2});
}

TEST(SchedulerTest, NamesWhatLeavesMemory) {
  World world({.sequences = 1, .cells = 4096, .keep_from = 20});
  world.add(1, prompt(0, 20), 3);
  world.run();
  ASSERT_EQ(world.scheduler.held().size(), 1U);
  world.add(2, prompt(1000, 10), 1);
  world.step();
  ASSERT_EQ(world.last->leaving.size(), 1U);
  const auto& tokens = world.last->leaving[0].tokens;
  EXPECT_EQ(tokens.size(), 22U);  // what was said last was not taken in
  EXPECT_EQ(std::vector(tokens.begin(), tokens.begin() + 20), prompt(0, 20));
  world.run();
  EXPECT_TRUE(world.scheduler.held().empty());
  world.add(3, prompt(2000, 10), 1);
  world.step();
  EXPECT_TRUE(world.last->leaving.empty());  // too short
}

TEST(SchedulerTest, RefusesWhatNeverFits) {
  Scheduler scheduler({.context = 100, .waiting = 2});
  EXPECT_EQ(scheduler.add(1, "w", {}).error().code(), ErrorCode::invalid_argument);
  EXPECT_EQ(scheduler.add(2, "w", prompt(0, 100)).error().code(), ErrorCode::invalid_argument);
  EXPECT_TRUE(scheduler.add(3, "w", prompt(0, 99)));
  EXPECT_TRUE(scheduler.add(4, "w", prompt(0, 9)));
  EXPECT_EQ(scheduler.add(5, "w", prompt(0, 9)).error().code(), ErrorCode::unavailable);
}

TEST(SchedulerTest, WhatIsIdleIsPutAsideAndMakesWayForALongPrompt) {
  World world({.sequences = 4, .cells = 8192, .context = 4096, .aside = 4000});
  world.add(1, prompt(0, 300), 2);
  world.run();
  EXPECT_EQ(world.scheduler.stats().aside, 301);  // the last token was never taken in
  EXPECT_EQ(world.engine.cells(), 301);           // and stays in its place until somebody needs the room
  world.add(2, prompt(1000, 400), 2);
  world.step();
  EXPECT_EQ(world.engine.cells(), 400);
  world.run();
  // The first goes on from where it was, and takes in what is new alone.
  auto longer = prompt(0, 300);
  for (const Token token : world.replies[1]) longer.push_back(token);
  longer.insert(longer.end(), {7, 8, 9});
  const std::size_t before = world.computed;
  world.add(3, longer, 2);
  world.run();
  EXPECT_EQ(world.cached[3], 301);
  EXPECT_EQ(world.scheduler.stats().recalled_tokens, 301U);
  EXPECT_EQ(world.computed - before, 5U);
  EXPECT_EQ(world.replies[3], FakeEngine::says(longer, 2));
  EXPECT_EQ(world.scheduler.stats().aside, 401 + 306);  // the longer state takes the shorter one's place
}

TEST(SchedulerTest, ShortPromptsLeaveWhatIsIdleInItsPlace) {
  World world({.sequences = 4, .cells = 8192, .context = 4096, .aside = 4000});
  world.add(1, prompt(0, 300), 2);
  world.run();
  world.add(2, prompt(1000, 60), 1);
  world.run();
  EXPECT_EQ(world.engine.cells(), 361);
}

TEST(SchedulerTest, WhatIsPushedOutIsNamedAndWhatCanNotBeSavedIsComputedAgain) {
  World world({.sequences = 2, .cells = 8192, .context = 4096, .keep_from = 100, .aside = 700});
  for (RequestId id = 1; id <= 3; ++id) {
    world.add(id, prompt(static_cast<Token>(1000 * id), 300), 1);
    world.run();
  }
  EXPECT_EQ(world.scheduler.stats().aside, 600);
  world.add(4, prompt(1000, 300), 1);
  world.run();
  EXPECT_EQ(world.cached[4], 0);
  world.engine.saves = false;
  world.add(5, prompt(5000, 300), 1);
  world.run();
  world.add(6, prompt(6000, 300), 1);
  world.run();
  world.add(7, prompt(5000, 300), 1);
  world.run();
  EXPECT_EQ(world.cached[7], 0);
  EXPECT_EQ(world.replies[7], FakeEngine::says(prompt(5000, 300), 1));
}

TEST(SchedulerTest, AFewTokensInCommonAreNotShared) {
  World world({.least_shared = 16});
  world.add(1, prompt(0, 40), 1);
  world.run();
  auto other = prompt(0, 15);
  other.insert(other.end(), 16, 500);
  world.add(2, other, 1);
  world.run();
  EXPECT_EQ(world.cached[2], 0);
  world.add(3, prompt(0, 20), 1);
  world.run();
  EXPECT_EQ(world.cached[3], 19);
  world.add(4, prompt(0, 5), 1);  // but as good as all of it
  world.run();
  EXPECT_EQ(world.cached[4], 4);
}

}  // namespace
}  // namespace acloud::inference
