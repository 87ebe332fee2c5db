#include "async/task_scope.h"

#include <gtest/gtest.h>

namespace acloud::async {
namespace {

using namespace std::chrono_literals;

class Scope : public testing::Test {
 protected:
  template <class T>
  T run(Task<T> task) {
    return loop_.run_until_done(std::move(task));
  }
  Duration passed() const { return loop_.now() - start_; }

  ManualClock clock_;
  EventLoop loop_{clock_};
  const Instant start_ = loop_.now();
};
using All = Scope;

Task<> count_after(Duration duration, int& done, int& stopped) {
  ++(co_await sleep_for(duration) ? done : stopped);
}

TEST_F(Scope, JoinWaitsForTheLastOfItsTasks) {
  auto task = []() -> Task<int> {
    TaskScope scope;
    int done = 0, stopped = 0;
    for (int i = 1; i <= 5; ++i) scope.spawn(count_after(i * 1s, done, stopped));
    EXPECT_EQ(scope.running(), 5u);
    co_await scope.join();
    EXPECT_EQ(scope.running(), 0u);
    co_await scope.join();  // nothing runs: at once
    co_return done;
  };
  EXPECT_EQ(run(task()), 5);
  EXPECT_EQ(passed(), 5s);
}

TEST_F(Scope, CancelStopsEveryWait) {
  auto task = []() -> Task<int> {
    TaskScope scope;
    int done = 0, stopped = 0;
    for (int i = 0; i < 5; ++i) scope.spawn(count_after(1h, done, stopped));
    scope.cancel();
    scope.spawn(count_after(1h, done, stopped));  // stopped from the start
    co_await scope.join();
    co_return stopped;
  };
  EXPECT_EQ(run(task()), 6);
  EXPECT_EQ(passed(), 0s);
}

TEST_F(Scope, JoinIsNotCutShortByAStop) {
  std::stop_source source;
  auto timer = loop_.call_at(start_ + 1s, [&] { source.request_stop(); });
  auto task = []() -> Task<int> {
    TaskScope scope;
    int done = 0, stopped = 0;
    scope.spawn(count_after(1min, done, stopped));
    co_await scope.join();
    co_return done;
  };
  EXPECT_EQ(run(task().with_stop(source.get_token())), 1);
  EXPECT_EQ(passed(), 1min);
}

TEST_F(Scope, JoinAlsoWaitsForTasksThatTasksSpawn) {
  auto task = []() -> Task<> {
    TaskScope scope;
    int done = 0, stopped = 0;
    auto parent = [](TaskScope& s, int& d, int& st) -> Task<> {
      (void)co_await sleep_for(1s);
      s.spawn(count_after(1s, d, st));
    };
    scope.spawn(parent(scope, done, stopped));
    co_await scope.join();
    EXPECT_EQ(done, 1);
  };
  run(task());
  EXPECT_EQ(passed(), 2s);
}

Task<> leave_a_task_running() {
  int done = 0;
  int stopped = 0;
  TaskScope scope;
  scope.spawn(count_after(1s, done, stopped));
  co_return;
}

Task<> throw_soon() {
  co_await yield();
  throw std::runtime_error("the disk is a lie");
}

Task<> spawn_a_thrower() {
  TaskScope scope;
  scope.spawn(throw_soon());
  co_await scope.join();
}

void run_alone(Task<> (*task)()) {
  EventLoop loop;
  loop.run_until_done(task());
}

TEST(ScopeDeathTest, GoingWhileATaskRunsIsABug) {
  EXPECT_DEATH(run_alone(leave_a_task_running), "a task scope went while its tasks ran");
}

TEST(ScopeDeathTest, AnExceptionThatLeavesATaskEndsTheProcess) {
  EXPECT_DEATH(run_alone(spawn_a_thrower), "an exception left a background task: the disk is a lie");
}

Task<Result<int>> value_after(Duration duration, int value) {
  ACLOUD_CO_CHECK(co_await sleep_for(duration));
  co_return value;
}
Task<Result<int>> fail_after(Duration duration) {
  ACLOUD_CO_CHECK(co_await sleep_for(duration));
  co_return fail(ErrorCode::conflict, "taken");
}

TEST_F(All, GivesTheValuesInTheirOrder) {
  std::vector<Task<Result<int>>> tasks;
  for (int i = 0; i < 4; ++i) tasks.push_back(value_after((4 - i) * 1s, i));
  EXPECT_EQ(run(all(std::move(tasks))), (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(passed(), 4s);
  EXPECT_EQ(run(all(std::vector<Task<Result<int>>>())), std::vector<int>());
}

TEST_F(All, TheFirstErrorCancelsTheOthers) {
  std::vector<Task<Result<int>>> tasks;
  tasks.push_back(value_after(1h, 1));
  tasks.push_back(fail_after(1s));
  EXPECT_EQ(run(all(std::move(tasks))).error().code(), ErrorCode::conflict);
  EXPECT_EQ(passed(), 1s);
}

TEST_F(All, IsCancelledWithTheTaskThatAwaitsIt) {
  std::stop_source source;
  auto timer = loop_.call_at(start_ + 1s, [&] { source.request_stop(); });
  std::vector<Task<Result<int>>> tasks;
  tasks.push_back(value_after(1h, 1));
  EXPECT_EQ(run(all(std::move(tasks)).with_stop(source.get_token())).error().code(), ErrorCode::cancelled);
  EXPECT_EQ(passed(), 1s);
}

TEST_F(All, WorksForTasksWithoutAValue) {
  std::vector<Task<Result<>>> tasks;
  tasks.push_back(sleep_for(1s));
  tasks.push_back(sleep_for(2s));
  EXPECT_TRUE(run(all(std::move(tasks))));
  EXPECT_EQ(passed(), 2s);
}

}  // namespace
}  // namespace acloud::async
