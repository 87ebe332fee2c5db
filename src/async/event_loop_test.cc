#include "async/event_loop.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>

#include <boost/asio/post.hpp>
#include <functional>
#include <future>
#include <latch>
#include <thread>

#include "async/asio.h"
#include "async/wait.h"

namespace acloud::async {
namespace {

using namespace std::chrono_literals;

TEST(EventLoop, RunsCallbacksInTheOrderOfPosting) {
  EventLoop loop;
  std::string seen;
  loop.post([&] {
    seen += 'a';
    loop.post([&] { seen += 'd'; });
  });
  loop.post([&] { seen += 'b'; });
  loop.post([&] { seen += 'c'; });
  loop.post([&] { loop.post([&] { loop.stop(); }); });
  loop.run();
  EXPECT_EQ(seen, "abcd");
}

TEST(EventLoop, KeepsTheOrderOfEachThreadThatPosts) {
  constexpr int kThreads = 4;
  constexpr int kPosts = 5'000;
  EventLoop loop;
  std::vector<std::vector<int>> seen(kThreads);
  int left = kThreads * kPosts;
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kPosts; ++i) {
        loop.post([&, t, i] {
          seen[t].push_back(i);
          if (--left == 0) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (const auto& numbers : seen) {
    ASSERT_EQ(numbers.size(), kPosts);
    EXPECT_TRUE(std::ranges::is_sorted(numbers));
  }
}

// Two loops that wait for each other again and again, with others that post beside them: where a wake-up were
// lost, both would wait for ever.
TEST(EventLoop, AWakeUpIsNeverLost) {
  constexpr int kRounds = 20'000;
  LoopThreads loops(2);
  struct Ball {
    LoopThreads& loops;
    std::promise<void> over;
    int hits = 0;
    void hit() {
      if (++hits == kRounds) return over.set_value();
      loops.at(static_cast<std::size_t>(hits % 2)).post([this] { hit(); });
    }
  };
  std::array<Ball, 3> balls{Ball{loops, {}}, Ball{loops, {}}, Ball{loops, {}}};
  for (Ball& ball : balls) loops.at(0).post([&ball] { ball.hit(); });
  std::jthread other([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::promise<void> seen;
      loops.next().post([&] { seen.set_value(); });
      seen.get_future().get();
    }
  });
  for (Ball& ball : balls) EXPECT_EQ(ball.over.get_future().wait_for(60s), std::future_status::ready);
}

TEST(EventLoop, IoThatIsAlwaysReadyLeavesTheRestItsTurn) {
  EventLoop loop;
  bool over = false;
  std::function<void()> ready = [&] {
    if (!over) boost::asio::post(io_context(loop), ready);
  };
  int turns = 0;
  std::function<void()> turn = [&] {
    if (++turns < 1'000) return loop.post(turn);
    over = true;
    loop.stop();
  };
  ready();
  loop.post(turn);
  loop.run();
  EXPECT_EQ(turns, 1'000);
}

TEST(EventLoop, AStopThatCameBeforeRunEndsIt) {
  EventLoop loop;
  loop.stop();
  loop.run();
  loop.post([&] { loop.stop(); });
  loop.run();  // the first stop is used up
}

TEST(EventLoop, FiresTimersInTheirOrderAndNotBeforeTheirTime) {
  EventLoop loop;
  std::string seen;
  const Instant start = loop.now();
  auto third = loop.call_at(start + 4ms, [&] {
    seen += 'c';
    EXPECT_GE(loop.now(), start + 4ms);
    loop.stop();
  });
  auto first = loop.call_at(start + 1ms, [&] { seen += 'a'; });
  auto second = loop.call_at(start + 1ms, [&] { seen += 'b'; });
  auto never = loop.call_at(start + 2ms, [&] { seen += 'x'; });
  never.cancel();
  {
    auto dropped = loop.call_at(start + 2ms, [&] { seen += 'y'; });
  }
  loop.run();
  EXPECT_EQ(seen, "abc");
}

TEST(EventLoop, ATimerMayDestroyItsOwnAndOthersHandles) {
  ManualClock clock;
  EventLoop loop(clock);
  int fired = 0;
  EventLoop::Timer a, b;
  a = loop.call_at(loop.now() + 1s, [&] {
    ++fired;
    a = {};
    b = {};
  });
  b = loop.call_at(loop.now() + 1s, [&] { ++fired; });
  loop.run();
  EXPECT_EQ(fired, 1);
}

TEST(EventLoop, TimersFireWhileTasksKeepTheLoopBusy) {
  EventLoop loop;
  bool fired = false;
  auto timer = loop.call_at(loop.now() + 1ms, [&] { fired = true; });
  auto spin = [](const bool& until) -> Task<> {
    while (!until) co_await yield();
  };
  loop.run_until_done(spin(fired));
  EXPECT_TRUE(fired);
}

TEST(EventLoop, VirtualTimeJumpsToTheNextTimerAndEndsWhenNothingIsLeft) {
  ManualClock clock;
  EventLoop loop(clock);
  const Instant start = loop.now();
  std::vector<Duration> fired;
  auto late = loop.call_at(start + 24h, [&] { fired.push_back(loop.now() - start); });
  auto early = loop.call_at(start + 1h, [&] {
    fired.push_back(loop.now() - start);
    loop.post([&] { fired.push_back(loop.now() - start); });
  });
  loop.run();
  EXPECT_EQ(fired, (std::vector<Duration>{1h, 1h, 24h}));
}

TEST(EventLoop, VirtualTimeStandsStillWhileAnotherThreadWorks) {
  ManualClock clock;
  EventLoop loop(clock);
  BlockingPool pool("test", 1);
  std::latch may_end(1);
  const Instant start = loop.now();
  auto timer = loop.call_at(start + 1s, [] {});
  auto work = [](EventLoop& l, BlockingPool& p, std::latch& latch) -> Task<Instant> {
    co_await run_blocking(p, [&latch] { latch.wait(); });
    co_return l.now();
  };
  std::jthread ends([&] { may_end.count_down(); });
  EXPECT_EQ(loop.run_until_done(work(loop, pool, may_end)), start);
}

TEST(EventLoop, RunUntilDoneGivesTheValueOrRethrows) {
  EventLoop loop;
  auto value = [](std::string text) -> Task<std::unique_ptr<std::string>> {
    co_await yield();
    co_return std::make_unique<std::string>(std::move(text));
  };
  EXPECT_EQ(*loop.run_until_done(value("a text that is longer than a small string")),
            "a text that is longer than a small string");
  auto thrower = []() -> Task<> {
    co_await yield();
    throw std::runtime_error("broken");
  };
  EXPECT_THROW(loop.run_until_done(thrower()), std::runtime_error);
}

// Deep chains must not grow the stack: each await and each return is a tail call.
Task<int> depth(int n) { co_return n == 0 ? 0 : 1 + co_await depth(n - 1); }
TEST(Task, AwaitingTenThousandDeepKeepsTheStack) {
  EventLoop loop;
  EXPECT_EQ(loop.run_until_done(depth(10'000)), 10'000);
}

TEST(LoopThreads, GoBeforeOtherThreadsWhereTheyMay) {
  const int own = ::getpriority(PRIO_PROCESS, 0);
  bool may = false;
  std::jthread([&] { may = ::setpriority(PRIO_PROCESS, 0, own - 1) == 0; }).join();
  LoopThreads loops(1);
  std::promise<int> theirs;
  loops.next().post([&] { theirs.set_value(::getpriority(PRIO_PROCESS, 0)); });
  EXPECT_EQ(theirs.get_future().get(), may ? std::max(own - 10, -20) : own);
}

TEST(LoopThreads, HaveNamesAndShareWorkInTurns) {
  LoopThreads loops(3);
  EXPECT_EQ(loops.size(), 3u);
  for (std::size_t i = 0; i < 6; ++i) {
    std::promise<std::string> name;
    EventLoop& loop = loops.next();
    EXPECT_EQ(&loop, &loops.at(i % 3));
    loop.post([&] {
      char text[16];
      pthread_getname_np(pthread_self(), text, sizeof text);
      EXPECT_EQ(EventLoop::current(), &loop);
      name.set_value(text);
    });
    EXPECT_EQ(name.get_future().get(), fmt::format("acloud-loop-{}", i % 3));
  }
}

TEST(EventLoopDeathTest, ALoopInsideALoopIsABug) {
  EXPECT_DEATH(
      {
        EventLoop loop;
        loop.run_until_done([]() -> Task<> {
          co_await yield();
          EventLoop::current()->run();
        }());
      },
      "a loop was run inside a loop");
}

}  // namespace
}  // namespace acloud::async
