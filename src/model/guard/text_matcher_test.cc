#include "model/guard/text_matcher.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace acloud::model::guard {
namespace {

const Detector& known(std::string_view name) {
  static const std::vector<Detector> all = [] {
    std::vector<Detector> made;
    for (const Kind& kind : kinds()) made.push_back(Detector::make(kind));
    return made;
  }();
  return *std::ranges::find(all, name, &Detector::name);
}

std::vector<const Detector*> everything() {
  std::vector<const Detector*> all;
  for (const Kind& kind : kinds()) all.push_back(&known(kind.name));
  return all;
}

// What comes out of the matcher for these pieces, each told as soon as it is decided.
std::string masked(const std::vector<const Detector*>& detectors, const std::vector<std::string>& pieces) {
  TextMatcher matcher(detectors);
  std::string out;
  std::string text;
  std::size_t told = 0;
  const auto tell = [&] {
    const std::size_t decided = matcher.decided();
    EXPECT_GE(decided, told);
    out += matcher.masked(std::string_view(text).substr(told, decided - told), told);
    matcher.forget(decided);
    told = decided;
  };
  for (const std::string& piece : pieces) {
    text += piece;
    matcher.feed(piece);
    tell();
  }
  matcher.finish();
  tell();
  EXPECT_EQ(told, text.size());
  return out;
}

struct Example {
  const char* text;
  const char* masked;
};
const Example kExamples[] = {
    {"pay 4111 1111 1111 1111 12/27 now", "pay [payment_card] 12/27 now"},
    {"no card: 4111 1111 1111 1112.", "no card: 4111 1111 1111 1112."},
    {"4111111111111111", "[payment_card]"},
    {"to GB82 WEST 1234 5698 7654 32 AND more", "to [iban] AND more"},
    {"mail ada@example.com, or x@y", "mail [email], or x@y"},
    {"call +44 20 7946 0958!", "call [phone]!"},
    {"id 11010519491231002X.", "id [chinese_id]."},
    {"ssn 123-45-6789 and 000-12-3456", "ssn [us_ssn] and 000-12-3456"},
    {"key sk-abcdefghij0123456789XYZ_and-more end", "key [api_key] end"},
    {"{\"k\":\"ghp_abcdefghijklmnopqrstuvwxyz0123456789\"}", "{\"k\":\"[github_token]\"}"},
    {"AKIAIOSFODNN7EXAMPLE", "[aws_access_key]"},
    {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1g x", "[jwt] x"},
    {"-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIGQ\nAwEHoUQ=\n-----END EC PRIVATE KEY-----\nbye",
     "[private_key] EC PRIVATE KEY-----\nbye"},
    {"the text \"-----BEGIN PRIVATE KEY-----\" alone", "the text \"[private_key]\" alone"},
    {"sk-abcdefghij0123456789@example.com!", "[api_key]!"},  // one ends in the other
    {"a-b sk-short, é@x and 中文 +1", "a-b sk-short, é@x and 中文 +1"},
};

TEST(TextMatcher, MasksTheSameWhereverTheTextIsCut) {
  for (const Example& each : kExamples) {
    const std::string text = each.text;
    EXPECT_EQ(masked(everything(), {text}), each.masked) << text;
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
      EXPECT_EQ(masked(everything(), {text.substr(0, cut), text.substr(cut)}), each.masked)
          << text << " at " << cut;
    }
    std::vector<std::string> bytes;
    for (const char c : text) bytes.emplace_back(1, c);
    EXPECT_EQ(masked(everything(), bytes), each.masked) << text << " byte by byte";
  }
}

TEST(TextMatcher, HoldsOnlyWhatCouldBecomeAFinding) {
  TextMatcher matcher({&known("payment_card"), &known("api_key")});
  matcher.feed("Hello, here it ");
  EXPECT_EQ(matcher.decided(), 15U);
  matcher.feed("is: s");
  EXPECT_EQ(matcher.decided(), 19U);
  matcher.feed("o 41");
  EXPECT_EQ(matcher.decided(), 22U);
  matcher.feed("a");  // a card has no letters
  EXPECT_EQ(matcher.decided(), 25U);
  matcher.feed(" sk-abcdefghij0123456789");
  EXPECT_EQ(matcher.decided(), 26U);
  matcher.feed("_");
  EXPECT_EQ(matcher.decided(), matcher.size());  // it is one: what comes now is its tail
  matcher.feed("and_a_tail");
  EXPECT_EQ(matcher.decided(), matcher.size());
}

// Texts of what patterns are made of, cut at random.
RC_GTEST_PROP(TextMatcherProperty, CutsChangeNothing, ()) {
  const auto part = rc::gen::element<std::string>("sk-", "abcdefghij0123456789", "4111 1111 1111 1111", "1",
                                                  " ", "-", "@", "example.com", ".", "+44", "207946", "é",
                                                  "GB82", "WEST", "12345698765432", "-----BEGIN ",
                                                  "PRIVATE KEY-----", "\n", "_", "x", "123-45-6789", "eyJ");
  const auto parts = *rc::gen::container<std::vector<std::string>>(part);
  std::string text;
  for (const std::string& each : parts) text += each;
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < text.size();) {
    const auto size = *rc::gen::inRange<std::size_t>(1, 12);
    pieces.push_back(text.substr(at, size));
    at += size;
  }
  RC_ASSERT(masked(everything(), pieces) == masked(everything(), {text}));
}

TEST(TextMatcher, FindsInAMegabyteThatNearlyMatches) {
  // Each would take minutes if a failed match were tried over again from every place in it.
  for (const std::string_view unit : {"4 ", "a.", "GB82", "+1 2", "x@"}) {
    std::string text;
    while (text.size() < (1 << 20)) text += unit;
    TextMatcher matcher(everything());
    matcher.feed(text);
    matcher.finish();
    EXPECT_EQ(matcher.decided(), text.size());
  }
}

}  // namespace
}  // namespace acloud::model::guard
