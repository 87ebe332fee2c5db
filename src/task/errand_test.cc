#include "task/errand.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/task_scope.h"

namespace acloud::task {
namespace {

using namespace std::chrono_literals;

Outcome told(const ErrandState& state) { return {.ok = true, .json = encode(state)}; }
Outcome wait_for(std::chrono::milliseconds time) { return told({.wait = time}); }

std::string name_of_next(ErrandCourse& course) {
  const auto& steps = course.next();
  return steps.empty() ? "" : steps.front().name;
}

TEST(ErrandCourse, LooksAndWaitsUntilTheWorkHasEnded) {
  ErrandCourse course("video");
  EXPECT_EQ(name_of_next(course), "video.look");
  EXPECT_TRUE(course.take(0, wait_for(1500ms)));
  ASSERT_EQ(course.next().front().kind, StepKind::sleep);
  EXPECT_EQ(course.next().front().input, R"({"seconds":1.5})");
  EXPECT_TRUE(course.take(1, {.ok = true, .json = "{}"}));
  EXPECT_EQ(name_of_next(course), "video.look");
  EXPECT_FALSE(course.take(1, wait_for(0ms)));
  EXPECT_TRUE(course.take(2, told({.ended = true, .result = {{"url", "u"}}})));
  EXPECT_TRUE(course.next().empty());
  EXPECT_EQ(course.ending().state, State::succeeded);
  EXPECT_EQ(course.ending().result["url"], "u");
}

TEST(ErrandCourse, WhatFailedIsSaidWithWhatThereIs) {
  ErrandCourse course("video");
  course.take(0, told({.ended = true, .result = {{"url", "u"}}, .error = TaskFailure{"too_large", "large"}}));
  EXPECT_TRUE(course.next().empty());
  EXPECT_EQ(course.ending().state, State::failed);
  EXPECT_EQ(course.ending().error->code, "too_large");
  EXPECT_EQ(course.ending().result["url"], "u");
}

TEST(ErrandCourse, OneThatIsStoppedIsSeenToItsEnd) {
  ErrandCourse course("video");
  course.take(0, wait_for(1s));
  ASSERT_TRUE(course.can_be_interrupted());
  EXPECT_EQ(course.next_number(), 2);
  course.interrupt("cancelled");
  EXPECT_FALSE(course.can_be_interrupted());
  EXPECT_EQ(name_of_next(course), "video.stop");
  EXPECT_EQ(course.next().front().number, 3);
  EXPECT_FALSE(course.next().front().cut);
  EXPECT_TRUE(course.take(3, wait_for(1s)));
  EXPECT_EQ(name_of_next(course), "video.wait");
  EXPECT_TRUE(course.take(4, {.ok = true, .json = "{}"}));
  EXPECT_TRUE(course.take(5, told({.ended = true, .result = {{"cost", "0.5"}}})));
  EXPECT_TRUE(course.next().empty());
  EXPECT_EQ(course.ending().state, State::cancelled);
  EXPECT_EQ(course.ending().result["cost"], "0.5");
}

TEST(ErrandCourse, OneThatCantBeLookedAfterIsStopped) {
  ErrandCourse course("video");
  course.take(0, failure("internal", "broken"));
  EXPECT_EQ(name_of_next(course), "video.stop");
  course.take(1, failure("internal", "broken"));
  EXPECT_TRUE(course.next().empty());
  EXPECT_EQ(course.ending().state, State::failed);
  EXPECT_EQ(course.ending().error->code, "internal");
}

TEST(ErrandCourse, AJournalOfAnotherVersionStopsIt) {
  ErrandCourse course("video");
  const std::vector<Entry> rest{{.step = {.number = 0, .name = "video.older"}, .outcome = wait_for(0ms)}};
  course.next();
  course.outgrow(rest, 1000);
  EXPECT_EQ(name_of_next(course), "video.stop");
  EXPECT_EQ(course.next().front().number, 1001);
  course.take(1001, told({.ended = true}));
  EXPECT_EQ(course.ending().error->code, "precondition_failed");
}

// --- Driven, with a server that is killed again and again. ---

// What outlives a kill: the journal, and the work.
struct ErrandWorld {
  explicit ErrandWorld(std::uint64_t seed) : random(seed) {}
  SeededRandom random;
  std::map<std::int64_t, Entry> journal;
  std::optional<Ending> ending;
  Time parked{};
  int looks_left = 5;
  bool stopped = false, begun = false;
  int begun_times = 0;
};

class ErrandJournal final : public Journal {
 public:
  ErrandJournal(ErrandWorld& world, const bool& killed) : world_(world), killed_(killed) {}
  Task<Result<std::vector<Entry>>> read() override {
    std::vector<Entry> entries;
    for (const auto& [number, entry] : world_.journal) entries.push_back(entry);
    co_return entries;
  }
  Task<Result<>> keep(Entry entry) override {
    co_await async::yield();
    if (killed_) co_return async::cancelled();
    world_.journal[entry.step.number] = std::move(entry);
    co_return Result<>();
  }
  Task<Result<std::optional<Outcome>>> take_signal(Entry) override { co_return std::nullopt; }
  Task<Result<>> park(Time due, std::vector<std::string>) override {
    world_.parked = due;
    co_return Result<>();
  }
  Task<Result<>> end(Ending ending) override {
    if (killed_) co_return async::cancelled();
    world_.ending = std::move(ending);
    co_return Result<>();
  }

 private:
  ErrandWorld& world_;
  const bool& killed_;
};

// Work that is begun once and takes some looks; the reply to a look may be lost with the server.
Errands errands_of(ErrandWorld& world, bool& killed) {
  const auto state = [&world]() -> ErrandState {
    if (world.looks_left > 0 && !world.stopped) return {.wait = 1s};
    return {.ended = true, .result = {{"made", !world.stopped}}};
  };
  Errands errands;
  errands.kinds["video"] = {
      .look = [&world, &killed, state](std::string, kernel::Caller) -> Task<Result<ErrandState>> {
        if (!std::exchange(world.begun, true)) ++world.begun_times;
        --world.looks_left;
        if (world.random.unit() < 0.3) killed = true;
        if (world.random.unit() < 0.1) co_return fail(ErrorCode::unavailable, "the store is busy");
        co_return state();
      },
      .stop = [&world, &killed, state](std::string, kernel::Caller) -> Task<Result<ErrandState>> {
        world.stopped = true;
        if (world.random.unit() < 0.5) killed = true;
        co_return state();
      }};
  return errands;
}

TEST(ErrandCourse, GoesOnThroughKillsAndDeadlines) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    ErrandWorld world(seed);
    ManualClock clock;
    async::EventLoop loop(clock);
    const bool late = world.random.unit() < 0.3;
    const Time deadline = clock.now() + (late ? 2s : 1h);
    for (int lives = 0; !world.ending && lives < 200; ++lives) {
      bool killed = false;
      Control control;
      ErrandJournal journal(world, killed);
      const Errands errands = errands_of(world, killed);
      const Claimed task{.id = "task_1"};
      ErrandPerformer performer(errands, task);
      (void)loop.run_until_done(drive({.id = "task_1", .request = {}, .tools = {}, .errand = "video"},
                                      deadline, journal, performer, clock, control));
      if (world.ending) break;
      ASSERT_TRUE(killed || world.parked > clock.now()) << "seed " << seed << ": it waits for nothing";
      if (!killed) clock.advance(std::chrono::ceil<std::chrono::milliseconds>(world.parked - clock.now()));
    }
    ASSERT_TRUE(world.ending) << "seed " << seed << ": it never ended";
    ASSERT_EQ(world.begun_times, 1);
    ASSERT_EQ(world.ending->state == State::succeeded, !world.stopped) << "seed " << seed;
    if (world.stopped) ASSERT_EQ(world.ending->error->code, "deadline_exceeded") << "seed " << seed;
  }
}

}  // namespace
}  // namespace acloud::task
