#include "base/random.h"

#include <gtest/gtest.h>

#include <set>

namespace acloud {
namespace {

TEST(Random, SeedsReplay) {
  SeededRandom a(7);
  SeededRandom b(7);
  SeededRandom c(8);
  EXPECT_EQ(a.hex(20), b.hex(20));
  EXPECT_NE(a.hex(20), c.hex(20));
}

TEST(Random, BelowReachesEveryValueAndNoOther) {
  SeededRandom random(1);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.below(7));
  EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 1, 2, 3, 4, 5, 6}));
}

TEST(Random, UnitStaysBelowOne) {
  SeededRandom random(1);
  for (int i = 0; i < 10000; ++i) {
    const double drawn = random.unit();
    ASSERT_GE(drawn, 0.0);
    ASSERT_LT(drawn, 1.0);
  }
}

TEST(Random, TheSystemsNumbersDiffer) {
  SystemRandom random;
  EXPECT_EQ(random.hex(20).size(), 40U);
  EXPECT_NE(random.hex(20), random.hex(20));
}

}  // namespace
}  // namespace acloud
