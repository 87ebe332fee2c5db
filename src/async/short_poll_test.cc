#include "async/short_poll.h"

#include <gtest/gtest.h>

namespace acloud::async {
namespace {

using namespace std::chrono_literals;

TEST(ShortPoll, PollsOnlyWhereItWasWokenSoon) {
  ShortPoll poll;
  EXPECT_FALSE(poll.worth_it());
  poll.slept(ShortPoll::kLongest);
  EXPECT_TRUE(poll.worth_it());
  poll.found();
  EXPECT_TRUE(poll.worth_it());
  poll.found_nothing();
  poll.slept(1ms);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(poll.worth_it());
}

// Sleeps until the next poll, each woken soon.
int sleeps_until_next(ShortPoll& poll) {
  int sleeps = 0;
  for (; !poll.worth_it(); ++sleeps) poll.slept(1us);
  return sleeps;
}

TEST(ShortPoll, PollsInVainEverMoreRarely) {
  ShortPoll poll;
  poll.slept(1us);
  EXPECT_EQ(sleeps_until_next(poll), 0);
  for (int expected = 2; expected <= 1024; expected *= 2) {
    poll.found_nothing();
    EXPECT_EQ(sleeps_until_next(poll), expected);
  }
  poll.found_nothing();
  EXPECT_EQ(sleeps_until_next(poll), 1024);
  poll.found();
  EXPECT_EQ(sleeps_until_next(poll), 0);
  poll.found_nothing();
  EXPECT_EQ(sleeps_until_next(poll), 2);
}

}  // namespace
}  // namespace acloud::async
