// Who has how much of the processor: a wall too, but one that is measured, so that nothing may run beside it.
#include "sandbox/jail/tests/fixture.h"

namespace acloud::sandbox::jail {
namespace {

class Shares : public OnEachKind {};
INSTANTIATE_ON_EACH_KIND(Shares);

TEST_P(Shares, ProcessorHog) {
  if (!enforced("cpu") || !enforced("kill_tree")) GTEST_SKIP() << "no cpu controller, or nothing that counts";
  const auto hog = limited({});
  const auto neighbour = limited({});
  const auto capped = limited({.cpus = 0.1});
  const std::string spin = "while :; do :; done";
  auto hogs = jails().start(*hog, bash("for i in 1 2 3 4 5 6 7; do (" + spin + ")& done; " + spin));
  auto two = jails().start(*neighbour, bash("(" + spin + ")& " + spin));
  auto slow = jails().start(*capped, bash(spin));
  ASSERT_TRUE(hogs && two && slow);
  // From a moment at which all of them run: the hog began before the others were started.
  const auto start = std::chrono::steady_clock::now();
  const auto hog_had = hog->stats()->cpu_time, neighbour_had = neighbour->stats()->cpu_time,
             capped_had = capped->stats()->cpu_time;
  while (neighbour->stats()->cpu_time < neighbour_had + std::chrono::seconds(2) &&
         std::chrono::steady_clock::now() < start + std::chrono::seconds(60)) {
    jails().await(async::sleep_for(std::chrono::milliseconds(10)));
  }
  const auto passed = std::chrono::steady_clock::now() - start;
  // Eight beside two: a quarter of the hog's time, if jails did not count as one each.
  EXPECT_GT((neighbour->stats()->cpu_time - neighbour_had) * 10, (hog->stats()->cpu_time - hog_had) * 5);
  EXPECT_LT(capped->stats()->cpu_time - capped_had, passed / 10 + std::chrono::milliseconds(150));
  for (auto* process : {&hogs, &two, &slow}) ASSERT_TRUE((**process)->signal(SIGKILL, Scope::tree));
}

}  // namespace
}  // namespace acloud::sandbox::jail
