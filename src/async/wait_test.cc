#include "async/wait.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <latch>
#include <random>

#include "async/task_scope.h"

namespace acloud::async {
namespace {

using namespace std::chrono_literals;

class VirtualTime : public testing::Test {
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
using Sleep = VirtualTime;
using WithDeadline = VirtualTime;
using OneShotTest = VirtualTime;

TEST_F(Sleep, TakesItsTimeAndNoMore) {
  EXPECT_TRUE(run(sleep_for(90min)));
  EXPECT_EQ(passed(), 90min);
  EXPECT_TRUE(run(sleep_until(start_)));  // in the past
  EXPECT_EQ(passed(), 90min);
}

TEST_F(Sleep, EndsAtOnceWhereTheTaskIsStopped) {
  std::stop_source source;
  auto timer = loop_.call_at(start_ + 1s, [&] { source.request_stop(); });
  EXPECT_EQ(run(sleep_for(1h).with_stop(source.get_token())).error().code(), ErrorCode::cancelled);
  EXPECT_EQ(passed(), 1s);
  EXPECT_EQ(run(sleep_for(1h).with_stop(source.get_token())).error().code(), ErrorCode::cancelled);
  EXPECT_EQ(passed(), 1s);
}

TEST_F(Sleep, InheritsTheStopOfWhoeverAwaits) {
  std::stop_source source;
  auto timer = loop_.call_at(start_ + 1s, [&] { source.request_stop(); });
  auto outer = []() -> Task<Result<>> {
    auto inner = []() -> Task<Result<>> { co_return co_await sleep_for(1h); };
    co_return co_await inner();
  };
  EXPECT_FALSE(run(outer().with_stop(source.get_token())));
  EXPECT_EQ(passed(), 1s);
}

TEST_F(Sleep, ForLongerThanTheClockLastsOnlyEndsWhenStopped) {
  std::stop_source source;
  auto timer = loop_.call_at(start_ + 1s, [&] { source.request_stop(); });
  EXPECT_FALSE(run(sleep_for(Duration::max()).with_stop(source.get_token())));
}

Task<Result<int>> value_later(Duration duration, int value) {
  ACLOUD_CO_CHECK(co_await sleep_for(duration));
  co_return value;
}

TEST_F(WithDeadline, GivesTheResultOfATaskThatIsInTime) {
  EXPECT_EQ(run(with_deadline(Deadline::at(start_ + 2s), "waiting", value_later(1s, 7))), 7);
  EXPECT_EQ(passed(), 1s);
  EXPECT_EQ(run(with_deadline(Deadline::never(), "waiting", value_later(1h, 8))), 8);
}

TEST_F(WithDeadline, SaysWhatWasNotDoneInTime) {
  const auto late = run(with_deadline(Deadline::at(start_ + 2s), "connecting to x", value_later(3s, 7)));
  EXPECT_EQ(late.error().code(), ErrorCode::deadline_exceeded);
  EXPECT_EQ(late.error().message(), "connecting to x was not done in time");
  EXPECT_EQ(passed(), 2s);
}

TEST_F(WithDeadline, IsCancelledWhereItsOwnTaskWasStoppedFirst) {
  std::stop_source source;
  auto timer = loop_.call_at(start_ + 1s, [&] { source.request_stop(); });
  auto task = with_deadline(Deadline::at(start_ + 2s), "waiting", value_later(3s, 7));
  EXPECT_EQ(run(std::move(task).with_stop(source.get_token())).error().code(), ErrorCode::cancelled);
  EXPECT_EQ(passed(), 1s);
}

TEST_F(WithDeadline, TheInnerOfTwoDeadlinesSaysItsOwn) {
  auto inner = with_deadline(Deadline::at(start_ + 1s), "inner", value_later(5s, 7));
  EXPECT_EQ(run(with_deadline(Deadline::at(start_ + 2s), "outer", std::move(inner))).error().message(),
            "inner was not done in time");
  auto slow = with_deadline(Deadline::at(start_ + 9s), "inner", value_later(5s, 7));
  EXPECT_EQ(run(with_deadline(Deadline::at(start_ + 2s), "outer", std::move(slow))).error().message(),
            "outer was not done in time");
}

TEST_F(WithDeadline, LeavesOtherErrorsAsTheyAre) {
  auto failing = []() -> Task<Result<int>> {
    ACLOUD_CO_CHECK(co_await sleep_for(1s));
    co_return fail(ErrorCode::conflict, "taken");
  };
  EXPECT_EQ(run(with_deadline(Deadline::at(start_ + 2s), "waiting", failing())).error().code(),
            ErrorCode::conflict);
}

Task<Result<int>> wait_for(OneShot<int> shot) { co_return co_await shot.wait(); }

TEST_F(OneShotTest, GivesAValueThatWasSetBeforeOrAfter) {
  OneShot<int> before;
  EXPECT_TRUE(before.set(1));
  EXPECT_FALSE(before.set(2));
  EXPECT_EQ(run(wait_for(before)), 1);
  OneShot<int> after;
  auto timer = loop_.call_at(start_ + 1s, [&] { after.set(3); });
  EXPECT_EQ(run(wait_for(after)), 3);
}

TEST_F(OneShotTest, EndsWithTheStopAndIgnoresALaterSet) {
  OneShot<int> shot;
  EXPECT_EQ(run(with_deadline(Deadline::at(start_ + 1s), "x", shot.wait_task())).error().code(),
            ErrorCode::deadline_exceeded);
  EXPECT_TRUE(shot.set(1));
}

// Whoever wins, the task is resumed once, on its own loop, with a value or `cancelled`. In some rounds one of
// the two does not run, so that both have won, however the threads are scheduled.
Task<> race(LoopThreads& setters, int rounds, int& values, int& stops) {
  EventLoop* const own = EventLoop::current();
  std::minstd_rand random(7);
  for (int i = 0; i < rounds; ++i) {
    OneShot<int> shot;
    std::stop_source source;
    const auto spin = [](unsigned n) {
      for (std::atomic<unsigned> k = 0; k < n; ++k) continue;
    };
    if (i % 100 != 0) {
      setters.at(0).post([shot, spin, n = random() % 200, i]() mutable {
        spin(n);
        shot.set(i);
      });
    }
    if (i % 100 != 1) {
      setters.at(1).post([source, spin, n = random() % 200]() mutable {
        spin(n);
        source.request_stop();
      });
    }
    const auto got = co_await wait_for(shot).with_stop(source.get_token());
    if (EventLoop::current() != own) ADD_FAILURE() << "resumed on another loop";
    if (got) {
      EXPECT_EQ(*got, i);
      ++values;
    } else {
      ++stops;
    }
  }
}

TEST(OneShotThreads, AValueAndAStopThatRaceResumeTheTaskOnce) {
  LoopThreads setters(2);
  EventLoop loop;
  int values = 0, stops = 0;
  loop.run_until_done(race(setters, 3'000, values, stops));
  EXPECT_EQ(values + stops, 3'000);
  EXPECT_GT(values, 0);
  EXPECT_GT(stops, 0);
}

TEST(SleepThreads, AStopFromAnotherThreadRacesWithTheTimer) {
  EventLoop loop;
  LoopThreads stoppers(1);
  auto sleeps = [](LoopThreads& threads, int& stopped) -> Task<> {
    for (int i = 0; i < 1'000; ++i) {
      std::stop_source source;
      threads.at(0).post([source]() mutable { source.request_stop(); });
      // Some last so long that only the stop can end them, however the threads are scheduled.
      const Duration length = i % 100 == 0 ? Duration(1h) : Duration(20us);
      if (!co_await sleep_for(length).with_stop(source.get_token())) ++stopped;
    }
  };
  int stopped = 0;
  loop.run_until_done(sleeps(stoppers, stopped));
  EXPECT_GE(stopped, 10);
}

TEST(BlockingPool, RunsWorkOnItsOwnNamedThreadAndResumesOnTheLoop) {
  BlockingPool pool("acloud-disk", 2);
  EventLoop loop;
  auto task = [](BlockingPool& p, EventLoop& l) -> Task<std::string> {
    const auto caller = std::this_thread::get_id();
    std::string name = co_await run_blocking(p, [caller] {
      EXPECT_NE(std::this_thread::get_id(), caller);
      char text[16];
      pthread_getname_np(pthread_self(), text, sizeof text);
      return std::string(text);
    });
    EXPECT_EQ(EventLoop::current(), &l);
    EXPECT_EQ(std::this_thread::get_id(), caller);
    co_return name;
  };
  EXPECT_EQ(loop.run_until_done(task(pool, loop)).substr(0, 12), "acloud-disk-");
}

TEST(BlockingPool, GivesBackWhatTheWorkThrows) {
  BlockingPool pool("test", 1);
  EventLoop loop;
  EXPECT_THROW(loop.run_until_done(run_blocking(pool, []() -> int { throw std::runtime_error("no"); })),
               std::runtime_error);
}

TEST(BlockingPool, RunsNoMoreAtOnceThanItHasThreadsAndAllInTheEnd) {
  BlockingPool pool("test", 3);
  EventLoop loop;
  std::atomic<int> running = 0, most = 0, done = 0;
  auto many = [](BlockingPool& p, std::atomic<int>& now, std::atomic<int>& peak,
                 std::atomic<int>& all) -> Task<> {
    TaskScope scope;
    auto one = [](BlockingPool& p2, std::atomic<int>& n, std::atomic<int>& m, std::atomic<int>& a) -> Task<> {
      co_await run_blocking(p2, [&] {
        int seen = ++n;
        for (int old = m; old < seen && !m.compare_exchange_weak(old, seen);) continue;
        std::this_thread::yield();
        --n;
        ++a;
      });
    };
    for (int i = 0; i < 300; ++i) scope.spawn(one(p, now, peak, all));
    co_await scope.join();
  };
  loop.run_until_done(many(pool, running, most, done));
  EXPECT_EQ(done, 300);
  EXPECT_LE(most, 3);
  EXPECT_EQ(pool.queued(), 0u);
}

TEST(BlockingPool, ReturnsWhenTheWorkIsDoneEvenIfTheTaskWasStopped) {
  BlockingPool pool("test", 1);
  EventLoop loop;
  std::stop_source source;
  bool finished = false;
  loop.run_until_done(run_blocking(pool, [&] {
                        source.request_stop();
                        finished = true;
                      }).with_stop(source.get_token()));
  EXPECT_TRUE(finished);
}

}  // namespace
}  // namespace acloud::async
