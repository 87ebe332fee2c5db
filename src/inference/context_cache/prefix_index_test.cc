#include "inference/context_cache/prefix_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "inference/context_cache/reading_cost.h"

namespace acloud::inference {
namespace {

using Row = std::vector<Token>;

std::int32_t common(const Row& a, const Row& b) {
  return static_cast<std::int32_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

TEST(PrefixIndexTest, FindsWhatBeginsAlike) {
  PrefixIndex index;
  EXPECT_FALSE(index.longest("m", Row{1, 2, 3}));
  EXPECT_TRUE(index.add(1, "m", {1, 2, 3, 4}, 10));
  EXPECT_TRUE(index.add(2, "m", {1, 2, 9}, 20));
  EXPECT_TRUE(index.add(3, "other", {1, 2, 3, 4, 5, 6}, 30));
  EXPECT_FALSE(index.add(4, "m", {1, 2, 9}, 40));
  const auto match = index.longest("m", Row{1, 2, 3, 4, 5, 6});
  ASSERT_TRUE(match);
  EXPECT_EQ(std::tuple(match->id, match->tokens, match->whole, match->bytes), std::tuple(1U, 4, 4, 10));
  EXPECT_EQ(index.longest("m", Row{1, 2, 8})->tokens, 2);
  EXPECT_FALSE(index.longest("m", Row{7}));
  EXPECT_EQ(index.bytes(), 60);
  EXPECT_EQ(index.model(3), "other");
}

TEST(PrefixIndexTest, TheLongestUnusedIsTheOldest) {
  PrefixIndex index;
  for (PrefixIndex::Id id = 1; id <= 3; ++id) index.add(id, "m", {static_cast<Token>(id)}, 1);
  index.used(1);
  EXPECT_EQ(index.oldest(), 2U);
  index.remove(2);
  EXPECT_EQ(index.oldest(), 3U);
  index.remove(3);
  index.remove(3);
  index.remove(1);
  EXPECT_FALSE(index.oldest());
  EXPECT_EQ(index.bytes(), 0);
}

// As if every row were looked at.
RC_GTEST_PROP(PrefixIndexProperty, FindsWhatASearchOfAllFinds, ()) {
  const auto any_row = rc::gen::nonEmpty(rc::gen::container<Row>(rc::gen::inRange(0, 3)));
  PrefixIndex index;
  std::map<PrefixIndex::Id, Row> rows;
  for (PrefixIndex::Id id = 1; id <= 40; ++id) {
    const Row row = *any_row;
    const bool known = std::ranges::any_of(rows, [&](const auto& each) { return each.second == row; });
    RC_ASSERT(index.add(id, "m", row, 1) == !known);
    if (!known) rows[id] = row;
    if (*rc::gen::inRange(0, 4) != 0 || rows.empty()) continue;
    const auto gone = std::next(rows.begin(), *rc::gen::inRange<std::ptrdiff_t>(0, std::ssize(rows)));
    index.remove(gone->first);
    rows.erase(gone);
  }
  const Row prompt = *any_row;
  std::int32_t best = 0;
  std::vector<PrefixIndex::Id> beginnings;
  for (const auto& [id, row] : rows) {
    best = std::max(best, common(row, prompt));
    if (row != prompt && common(row, prompt) == std::ssize(row)) beginnings.push_back(id);
  }
  const auto match = index.longest("m", prompt);
  RC_ASSERT((match ? match->tokens : 0) == best);
  if (match) RC_ASSERT(common(rows.at(match->id), prompt) == best);
  auto found = index.beginnings("m", prompt);
  std::ranges::sort(found);
  RC_ASSERT(found == beginnings);
  RC_ASSERT(index.size() == rows.size());
}

// --- What is worth reading. ---

TEST(ReadingCostTest, ReadsWhatTakesLongerToCompute) {
  ReadingCost cost(1'000'000'000);
  for (int i = 0; i < 40; ++i) {
    cost.computed(100, 1.0);           // 10 ms a token
    cost.read(mebibytes(100), 1.001);  // 100 MiB a second
  }
  // A thousand tokens of 100 KiB take a second to read and ten to compute: a tenth of them is enough.
  EXPECT_NEAR(cost.least_gain(mebibytes(100)), 100 + kFewestKept - 100, 30);
  EXPECT_NEAR(cost.least_gain(mebibytes(1000)), 1000, 5);
}

TEST(ReadingCostTest, NeverReadsForAFewTokens) {
  ReadingCost cost(100'000'000'000);
  EXPECT_EQ(cost.least_gain(kibibytes(1)), kFewestKept);
}

TEST(ReadingCostTest, LearnsThatTheDiskIsSlow) {
  ReadingCost cost(1'000'000);
  const auto before = cost.least_gain(mebibytes(1));
  for (int i = 0; i < 40; ++i) cost.read(mebibytes(1), 10);
  EXPECT_LT(before, 1000);
  EXPECT_GT(cost.least_gain(mebibytes(1)), 50'000);
  // And so forgets it.
  for (int i = 0; i < 80; ++i) cost.read(mebibytes(1), 0.002);
  EXPECT_LT(cost.least_gain(mebibytes(1)), 1000);
}

TEST(ReadingCostTest, StepsOfAFewTokensTellNothing) {
  ReadingCost cost(1'000'000);
  const auto before = cost.least_gain(mebibytes(10));
  cost.computed(1, 100);
  EXPECT_EQ(cost.least_gain(mebibytes(10)), before);
}

}  // namespace
}  // namespace acloud::inference
