#include "base/lazy.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace acloud {
namespace {

TEST(Lazy, IsMadeWhenFirstAskedForAndOnce) {
  int made = 0;
  const Lazy<std::string> text([&made] { return std::string(static_cast<std::size_t>(++made), 'x'); });
  EXPECT_EQ(made, 0);
  const Lazy<std::string> copy = text;
  EXPECT_EQ(text(), "x");
  EXPECT_EQ(&copy(), &text());
  EXPECT_EQ(made, 1);
}

TEST(Lazy, OneThatIsThereNeedsNoMaking) { EXPECT_EQ(Lazy<std::string>(std::string("there"))(), "there"); }

TEST(Lazy, WhoAsksAtTheSameTimeWaits) {
  std::atomic<int> made = 0;
  const Lazy<std::vector<int>> numbers([&made] {
    ++made;
    return std::vector<int>(1000, 7);
  });
  std::vector<std::jthread> threads;
  std::atomic<int> whole = 0;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { whole += numbers().size() == 1000 ? 1 : 0; });
  threads.clear();
  EXPECT_EQ(whole, 8);
  EXPECT_EQ(made, 1);
}

}  // namespace
}  // namespace acloud
