#include "model/policy.h"

#include <gtest/gtest.h>

#include <array>

#include "base/random.h"

namespace acloud::model {
namespace {

constexpr int kDraws = 20'000;

std::vector<Candidate> three() {
  std::vector<Candidate> all(3);
  for (std::size_t i = 0; i < all.size(); ++i) all[i].identity = hash_of(std::to_string(i));
  return all;
}

TEST(Policy, KeepsToTheWeights) {
  auto candidates = three();
  candidates[0].weight = 3;
  candidates[1].weight = 1;
  candidates[2].weight = 0;
  SeededRandom random(1);
  std::array<int, 3> first{};
  for (int i = 0; i < kDraws; ++i) ++first[order(candidates, Strategy::weighted, {}, random)[0]];
  EXPECT_NEAR(first[0], kDraws * 0.75, kDraws * 0.02);
  EXPECT_EQ(first[2], 0);
}

TEST(Policy, NamesEveryAvailableTargetOnce) {
  auto candidates = three();
  candidates[1].available = false;
  SeededRandom random(1);
  for (const Strategy strategy :
       {Strategy::weighted, Strategy::least_outstanding, Strategy::latency, Strategy::price}) {
    auto found = order(candidates, strategy, {}, random);
    std::ranges::sort(found);
    EXPECT_EQ(found, (std::vector<std::size_t>{0, 2}));
  }
  for (auto& candidate : candidates) candidate.available = false;
  EXPECT_TRUE(order(candidates, Strategy::weighted, {}, random).empty());
}

TEST(Policy, PrefersTheLeastLoadedForItsWeightAndTheCheapest) {
  auto candidates = three();
  candidates[0].outstanding = 4;
  candidates[1].outstanding = 2;
  candidates[2].outstanding = 5;
  candidates[2].weight = 4;
  candidates[0].price = 1;
  candidates[1].price = 2;
  candidates[2].price = 3;
  SeededRandom random(1);
  EXPECT_EQ(order(candidates, Strategy::least_outstanding, {}, random), (std::vector<std::size_t>{2, 1, 0}));
  EXPECT_EQ(order(candidates, Strategy::price, {}, random), (std::vector<std::size_t>{0, 1, 2}));
}

TEST(Policy, TakesTheFasterOfTwoAndStillTriesAll) {
  auto candidates = three();
  candidates[0].seconds = 0.1;
  candidates[1].seconds = 0.2;
  candidates[2].seconds = 0.3;
  SeededRandom random(1);
  std::array<int, 3> first{};
  for (int i = 0; i < kDraws; ++i) ++first[order(candidates, Strategy::latency, {}, random)[0]];
  EXPECT_NEAR(first[0], kDraws * 2 / 3, kDraws * 0.02);
  EXPECT_EQ(first[2], 0);  // never the better of two
}

TEST(Policy, KeepsASessionWhereItIs) {
  auto candidates = three();
  SeededRandom random(1);
  std::array<int, 3> first{};
  int moved = 0;
  for (int i = 0; i < kDraws; ++i) {
    const std::uint64_t session = hash_of("session " + std::to_string(i));
    const auto before = order(candidates, Strategy::weighted, session, random);
    EXPECT_EQ(order(candidates, Strategy::least_outstanding, session, random), before);
    ++first[before[0]];
    candidates[2].available = false;
    const auto after = order(candidates, Strategy::weighted, session, random);
    candidates[2].available = true;
    if (before[0] != 2 && after[0] != before[0]) ++moved;
  }
  EXPECT_EQ(moved, 0);
  for (const int count : first) EXPECT_NEAR(count, kDraws / 3, kDraws * 0.02);
}

}  // namespace
}  // namespace acloud::model
