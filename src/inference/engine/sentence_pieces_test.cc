#include "inference/engine/sentence_pieces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace acloud::inference {
namespace {

using ::testing::ElementsAre;

// What a small vocabulary makes of a text.
std::vector<std::int32_t> cut(std::string_view text) {
  static const SentencePieces pieces({{"?", 0},
                                      {"\u2581the", -1},  // reserved, so never found
                                      {"\u2581", -3},
                                      {"t", -3},
                                      {"h", -3},
                                      {"e", -3},
                                      {"th", -2},
                                      {"\u2581t", -2.5},
                                      {"\u2581the", -4},
                                      {"he", -1},
                                      {"fi", -1},
                                      {"i", -5}},
                                     2);
  const auto made = pieces.cut(text);
  EXPECT_TRUE(made) << made.error().message();
  return made.value_or(std::vector<std::int32_t>{-1});
}

TEST(SentencePieces, TakesTheCutThatScoresMost) {
  EXPECT_THAT(cut("the"), ElementsAre(7, 9));  // -2.5 - 1 is above -4
  EXPECT_THAT(cut("t"), ElementsAre(7));
  EXPECT_THAT(cut("th the"), ElementsAre(2, 6, 7, 9));
}

TEST(SentencePieces, NamesWhatItDoesNotKnowOnce) {
  EXPECT_THAT(cut("xyz"), ElementsAre(2, 0));
  EXPECT_THAT(cut("x\u65e5the"), ElementsAre(2, 0, 3, 9));
  EXPECT_THAT(cut("\U0001f642"), ElementsAre(2, 0));
}

TEST(SentencePieces, ReadsCompatibleLettersAsOne) { EXPECT_THAT(cut("\ufb01"), ElementsAre(2, 10)); }

TEST(SentencePieces, HasNothingOfAnEmptyText) { EXPECT_THAT(cut(""), ElementsAre()); }

TEST(SentencePieces, RefusesWhatIsNoText) {
  const SentencePieces pieces({{"?", 0}, {"a", -1}}, 1);
  const auto made = pieces.cut("\xff");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace acloud::inference
