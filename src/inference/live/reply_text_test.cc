#include "inference/live/reply_text.h"

#include <gtest/gtest.h>

namespace acloud::inference {
namespace {

TEST(ReplyTextTest, ShowsWholeCharacters) {
  ReplyText text({});
  EXPECT_EQ(text.feed("a\xC3"), "a");
  EXPECT_EQ(text.feed("\xA4"), "ä");
  EXPECT_EQ(text.feed("\xE2\x82"), "");
  EXPECT_EQ(text.feed("\xAC!"), "€!");
  EXPECT_EQ(text.feed("\xF0\x9F\x98"), "");
  EXPECT_EQ(text.finish(), "\uFFFD");
}

TEST(ReplyTextTest, ReplacesWhatIsNotUtf8) {
  ReplyText text({});
  EXPECT_EQ(text.feed("\xFFx\xC3("), "\uFFFDx\uFFFD(");
  EXPECT_EQ(text.feed("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");  // a surrogate
  EXPECT_EQ(text.feed("\xC0\xAF"), "\uFFFD\uFFFD");            // an overlong slash
}

TEST(ReplyTextTest, EndsBeforeAStopString) {
  ReplyText text({"END", "\n\n"});
  EXPECT_EQ(text.feed("the E"), "the ");
  EXPECT_EQ(text.feed("N"), "");
  EXPECT_EQ(text.feed("x"), "ENx");
  EXPECT_EQ(text.feed("a\n"), "a");
  EXPECT_FALSE(text.stopped());
  EXPECT_EQ(text.feed("\nmore"), "");
  EXPECT_TRUE(text.stopped());
  EXPECT_EQ(text.feed("more"), "");
  EXPECT_EQ(text.finish(), "");
}

TEST(ReplyTextTest, TakesTheFirstOfSeveralStops) {
  ReplyText text({"late", "la"});
  EXPECT_EQ(text.feed("so lately"), "so ");
  EXPECT_TRUE(text.stopped());
}

TEST(ReplyTextTest, WhatLookedLikeAStopIsShownAtTheEnd) {
  ReplyText text({"<stop>"});
  EXPECT_EQ(text.feed("a<sto"), "a");
  EXPECT_EQ(text.finish(), "<sto");
}

TEST(ReplyTextTest, AStopMayEndWithinACharacter) {
  ReplyText text({"ä"});
  EXPECT_EQ(text.feed("x\xC3"), "x");
  EXPECT_EQ(text.feed("\xA4y"), "");
  EXPECT_TRUE(text.stopped());
}

}  // namespace
}  // namespace acloud::inference
