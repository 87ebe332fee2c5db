#include "sandbox/code/zygotes.h"

#include <gtest/gtest.h>

namespace acloud::sandbox::code {
namespace {

using namespace std::chrono_literals;

constexpr jail::Demand::Instant kStart{1000h};

TEST(Zygotes, AreNotMadeBeforeTheFirstSandbox) { EXPECT_EQ(plan({}, kStart).kept, 0u); }

TEST(Zygotes, WaitForAMomentOfRestWhereNobodyRunsCode) {
  const ZygoteDemand demand{.code = {}, .used = true, .last_made = kStart};
  EXPECT_EQ(plan(demand, kStart).kept, kZygotes.least);
  EXPECT_FALSE(plan(demand, kStart + kQuiet - 1ms).now);
  EXPECT_TRUE(plan(demand, kStart + kQuiet).now);
}

TEST(Zygotes, AreAsManyAsAreUsedAndMadeAtOnce) {
  ZygoteDemand demand{.code = {}, .used = true, .last_made = kStart};
  for (int i = 0; i < 5; ++i) demand.code = jail::after_take(demand.code, kStart);
  EXPECT_EQ(plan(demand, kStart).kept, 5u);
  EXPECT_TRUE(plan(demand, kStart).now);
  for (int i = 0; i < 100; ++i) demand.code = jail::after_take(demand.code, kStart);
  EXPECT_EQ(plan(demand, kStart).kept, kZygotes.most);
  EXPECT_EQ(plan(demand, kStart + 1h).kept, kZygotes.least);
}

}  // namespace
}  // namespace acloud::sandbox::code
