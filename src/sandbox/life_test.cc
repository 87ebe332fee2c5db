#include "sandbox/life.h"

#include <gtest/gtest.h>

namespace acloud::sandbox {
namespace {

using namespace std::chrono_literals;

constexpr Time kNow{1'800'000'000s};

TEST(Life, PausesWhatHasBeenIdleForItsTime) {
  EXPECT_EQ(next_step({.idle = 59s, .idle_timeout = 60s}, kNow), Next::keep);
  EXPECT_EQ(next_step({.idle = 60s, .idle_timeout = 60s}, kNow), Next::pause);
}

TEST(Life, KeepsWhatIsInUseOrPausedOrCannotBePaused) {
  EXPECT_EQ(next_step({.in_use = true, .idle = 2h, .idle_timeout = 60s}, kNow), Next::keep);
  EXPECT_EQ(next_step({.paused = true, .idle = 2h, .idle_timeout = 60s}, kNow), Next::keep);
  EXPECT_EQ(next_step({.can_pause = false, .idle = 2h, .idle_timeout = 60s}, kNow), Next::keep);
}

TEST(Life, EndsAtTheDeadlineWhateverItDoes) {
  EXPECT_EQ(next_step({.in_use = true, .deadline = kNow + 1us}, kNow), Next::keep);
  EXPECT_EQ(next_step({.in_use = true, .deadline = kNow}, kNow), Next::end);
  EXPECT_EQ(next_step({.paused = true, .deadline = kNow - 1h}, kNow), Next::end);
}

}  // namespace
}  // namespace acloud::sandbox
