#include "model/guard/bounded_pattern.h"

#include <gtest/gtest.h>
#include <re2/re2.h>

namespace acloud::model::guard {
namespace {

bool begins(const BoundedPattern& pattern, const std::string& text) {
  return re2::RE2::FullMatch(text, pattern.beginnings);
}

TEST(BoundedPattern, BeginningsAreThoseOfItsMatchesAndNoOthers) {
  struct Case {
    const char* pattern;
    std::vector<const char*> begin;
    std::vector<const char*> dont;
  };
  const Case cases[] = {
      {"abc", {"", "a", "ab", "abc"}, {"b", "ac", "abcd"}},
      {"a|bcd", {"", "a", "b", "bc", "bcd"}, {"ab", "c"}},
      {"x(?:ab){2}y", {"", "x", "xa", "xab", "xaba", "xabab", "xababy"}, {"xb", "xaby", "xababa"}},
      {"[a-c]{1,3}-\\d", {"", "a", "abc", "ab-", "ab-7"}, {"abcd", "-", "a--"}},
      {"a?b", {"", "a", "b", "ab"}, {"aa", "ba"}},
      {"(?i)Ab", {"", "a", "AB"}, {"B"}},
      {"é[]\\]x]{2}", {"", "é", "é]", "é]x"}, {"]", "éé"}},
      {"[[:alpha:]]\\x41\\pN", {"", "q", "qA", "qA1"}, {"1", "qB"}},
      {"\\bcat\\b", {"", "c", "ca", "cat"}, {"at"}},
  };
  for (const Case& each : cases) {
    const auto made = bound(each.pattern);
    ASSERT_TRUE(made) << each.pattern << ": " << made.error().message();
    for (const char* text : each.begin) EXPECT_TRUE(begins(*made, text)) << each.pattern << " / " << text;
    for (const char* text : each.dont) EXPECT_FALSE(begins(*made, text)) << each.pattern << " / " << text;
  }
}

TEST(BoundedPattern, SaysHowLongAMatchCanBe) { EXPECT_EQ(bound("\\b(?:ab|c){2,5}d?\\b")->longest, 11U); }

TEST(BoundedPattern, RefusesWhatHasNoEndOrNoPlaceInAStream) {
  for (const char* pattern :
       {"a*", "a+", "a{2,}", "^a", "a$",      "\\Aa",           "(?P<x>a)", "(?s)a", "\\Qa", "(a",
        "a)", "[a", "a{0}",  "*a", "a{1001}", "(?:a{1000}){5}", "",         "\\b",   "\\",   "a{x}"}) {
    const auto made = bound(pattern);
    ASSERT_FALSE(made) << pattern;
    EXPECT_EQ(made.error().code(), ErrorCode::invalid_argument);
  }
  EXPECT_NE(bound("EMP-\\d+").error().message().find("{1,40}"), std::string::npos);
}

}  // namespace
}  // namespace acloud::model::guard
