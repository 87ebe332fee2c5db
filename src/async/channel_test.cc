#include "async/channel.h"

#include <gtest/gtest.h>

#include "async/task_scope.h"

namespace acloud::async {
namespace {

using namespace std::chrono_literals;

class ChannelTest : public testing::Test {
 protected:
  template <class T>
  T run(Task<T> task) {
    return loop_.run_until_done(std::move(task));
  }
  ManualClock clock_;
  EventLoop loop_{clock_};
};

Task<> send_all(Channel<int>& channel, int from, int to) {
  for (int i = from; i < to; ++i) {
    if (!co_await channel.send(i)) co_return;
  }
}

Task<std::vector<int>> receive_all(Channel<int>& channel) {
  std::vector<int> got;
  while (true) {
    const auto value = co_await channel.receive();
    if (!value || !*value) co_return got;
    got.push_back(**value);
  }
}

TEST_F(ChannelTest, KeepsTheOrderAndHoldsTheSenderBackWhenFull) {
  auto task = [](Channel<int>& channel) -> Task<> {
    TaskScope scope;
    scope.spawn(send_all(channel, 0, 10));
    EXPECT_EQ(channel.size(), 3u);  // the sender waits
    EXPECT_FALSE(channel.try_send(99));
    for (int i = 0; i < 10; ++i) {
      EXPECT_EQ(co_await channel.receive(), i);
      EXPECT_LE(channel.size(), 3u);
    }
    co_await scope.join();
  };
  Channel<int> channel(3);
  run(task(channel));
}

TEST_F(ChannelTest, HandsAValueToAReceiverThatWaits) {
  auto task = [](Channel<std::unique_ptr<int>>& channel) -> Task<> {
    TaskScope scope;
    int got = 0;
    auto receiver = [](Channel<std::unique_ptr<int>>& c, int& result) -> Task<> {
      result = ***co_await c.receive();
    };
    scope.spawn(receiver(channel, got));
    EXPECT_TRUE(channel.try_send(std::make_unique<int>(5)));
    EXPECT_EQ(channel.size(), 0u);
    co_await scope.join();
    EXPECT_EQ(got, 5);
  };
  Channel<std::unique_ptr<int>> channel(1);
  run(task(channel));
}

TEST_F(ChannelTest, AfterCloseGivesWhatIsLeftAndThenTheEndOrTheError) {
  Channel<int> channel(4);
  EXPECT_TRUE(channel.try_send(1));
  EXPECT_TRUE(channel.try_send(2));
  channel.close();
  EXPECT_FALSE(channel.try_send(3));
  EXPECT_EQ(run(channel.send(3)).error().code(), ErrorCode::unavailable);
  EXPECT_EQ(run(receive_all(channel)), (std::vector<int>{1, 2}));
  EXPECT_FALSE(run(channel.receive()).value().has_value());

  Channel<int> failed(4);
  EXPECT_TRUE(failed.try_send(1));
  failed.close(Error(ErrorCode::conflict, "broken"));
  failed.close();
  EXPECT_EQ(run(failed.receive()), 1);
  EXPECT_EQ(run(failed.receive()).error().message(), "broken");
}

TEST_F(ChannelTest, CloseWakesWhoeverWaits) {
  auto task = [](Channel<int>& empty, Channel<int>& full) -> Task<> {
    TaskScope scope;
    int ended = 0, refused = 0;
    auto receiver = [](Channel<int>& c, int& n) -> Task<> {
      const auto got = co_await c.receive();
      if (got && !*got) ++n;
    };
    auto sender = [](Channel<int>& c, int& n) -> Task<> {
      const auto sent = co_await c.send(7);
      if (!sent && sent.error().code() == ErrorCode::unavailable) ++n;
    };
    for (int i = 0; i < 3; ++i) scope.spawn(receiver(empty, ended));
    for (int i = 0; i < 3; ++i) scope.spawn(sender(full, refused));
    empty.close();
    full.close();
    co_await scope.join();
    EXPECT_EQ(ended, 3);
    EXPECT_EQ(refused, 3);
  };
  Channel<int> empty(1), full(1);
  EXPECT_TRUE(full.try_send(1));
  run(task(empty, full));
  EXPECT_EQ(full.size(), 1u);
}

TEST_F(ChannelTest, AStopEndsTheWaitAndLosesNothing) {
  auto task = [](Channel<int>& channel) -> Task<> {
    const auto soon = [] { return Deadline::after(1s); };
    EXPECT_EQ((co_await with_deadline(soon(), "x", channel.receive())).error().code(),
              ErrorCode::deadline_exceeded);
    EXPECT_TRUE(channel.try_send(1));  // to nobody: the receiver is gone
    EXPECT_EQ(channel.size(), 1u);
    EXPECT_FALSE(co_await with_deadline(soon(), "x", channel.send(2)));
    EXPECT_EQ(co_await channel.receive(), 1);
    EXPECT_EQ(channel.try_receive(), std::nullopt);  // the stopped sender's value did not slip in
  };
  Channel<int> channel(1);
  run(task(channel));
}

// Senders and receivers on four loops, half of them stopped again and again: each value that send()
// acknowledged arrives exactly once.
TEST(ChannelThreads, LoseAndDoubleNothingUnderRacingStops) {
  constexpr int kPerSender = 2'000;
  LoopThreads loops(4);
  Channel<int> channel(3);
  std::vector<int> sent[2], got[2];

  auto sender = [](Channel<int>& c, int base, std::vector<int>& log) -> Task<> {
    for (int i = 0; i < kPerSender; ++i) {
      const auto by = i % 3 == 0 ? Deadline::after(5us) : Deadline::never();
      if (co_await with_deadline(by, "send", c.send(base + i))) log.push_back(base + i);
    }
  };
  auto receiver = [](Channel<int>& c, std::vector<int>& log) -> Task<> {
    for (int i = 0;; ++i) {
      const auto by = i % 3 == 0 ? Deadline::after(5us) : Deadline::never();
      const auto value = co_await with_deadline(by, "receive", c.receive());
      if (!value) continue;
      if (!*value) co_return;
      log.push_back(**value);
    }
  };
  {
    std::vector<std::jthread> receivers;
    for (int i = 0; i < 2; ++i) {
      receivers.emplace_back([&, i] { run_on(loops.at(2 + i), receiver(channel, got[i])); });
    }
    {
      std::vector<std::jthread> senders;
      for (int i = 0; i < 2; ++i) {
        senders.emplace_back([&, i] { run_on(loops.at(i), sender(channel, i * kPerSender, sent[i])); });
      }
    }
    channel.close();
  }

  std::vector<int> all_sent(sent[0]), all_got(got[0]);
  all_sent.insert(all_sent.end(), sent[1].begin(), sent[1].end());
  all_got.insert(all_got.end(), got[1].begin(), got[1].end());
  std::ranges::sort(all_sent);
  std::ranges::sort(all_got);
  EXPECT_EQ(all_sent, all_got);
  EXPECT_GE(all_sent.size(), kPerSender);
}

}  // namespace
}  // namespace acloud::async
