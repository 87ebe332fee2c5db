#include "async/blocking_wait.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace acloud::async {
namespace {

using namespace std::chrono_literals;

Instant in(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

class BlockingWaitTest : public testing::Test {
 protected:
  BlockingWaitTest() { EXPECT_EQ(::pipe(ends_.data()), 0); }
  ~BlockingWaitTest() override {
    for (const int end : ends_) ::close(end);
  }

  std::array<int, 2> ends_{};
  std::stop_source source_;
};

TEST_F(BlockingWaitTest, EndsWhenThereIsSomethingToRead) {
  const StopEvent stop(source_.get_token());
  const std::jthread writer([this] { EXPECT_EQ(::write(ends_[1], "x", 1), 1); });
  EXPECT_TRUE(BlockingWait(in(1min), stop).ready(ends_[0], POLLIN));
}

TEST_F(BlockingWaitTest, EndsInTime) {
  const auto waited = BlockingWait(in(20ms)).ready(ends_[0], POLLIN);
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code(), ErrorCode::deadline_exceeded);
}

TEST_F(BlockingWaitTest, ATimeThatIsOverStillHearsWhatIsThere) {
  EXPECT_TRUE(BlockingWait(in(-1s)).ready(ends_[1], POLLOUT));
  EXPECT_FALSE(BlockingWait(in(-1s)).ready(ends_[0], POLLIN));
}

TEST_F(BlockingWaitTest, EndsWhenItsTaskIsStopped) {
  const StopEvent stop(source_.get_token());
  const std::jthread stopper([this] { source_.request_stop(); });
  for (int again = 0; again < 2; ++again) {
    const auto waited = BlockingWait(Instant::max(), stop).ready(ends_[0], POLLIN);
    ASSERT_FALSE(waited);
    EXPECT_EQ(waited.error().code(), ErrorCode::cancelled);
  }
}

TEST_F(BlockingWaitTest, EndsWhereItsTaskWasStoppedBefore) {
  source_.request_stop();
  const StopEvent stop(source_.get_token());
  EXPECT_EQ(BlockingWait(Instant::max(), stop).ready(ends_[0], POLLIN).error().code(), ErrorCode::cancelled);
}

}  // namespace
}  // namespace acloud::async
