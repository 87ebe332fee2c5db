#include "sandbox/utf8_pieces.h"

#include <gtest/gtest.h>

namespace acloud::sandbox {
namespace {

TEST(Utf8Pieces, GiveTheSameTextHoweverTheBytesCome) {
  const std::string text = "a é € 😀 z";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    Utf8Pieces pieces;
    std::string given;
    for (std::size_t at = 0; at < text.size(); at += size) {
      const std::string piece = pieces.add(std::string_view(text).substr(at, size));
      EXPECT_TRUE(is_utf8(piece));
      EXPECT_EQ(piece.find("\xef\xbf\xbd"), std::string::npos) << size;
      given += piece;
    }
    EXPECT_EQ(given + pieces.finish(), text) << size;
  }
}

TEST(Utf8Pieces, NeverHoldMoreThanAnUnfinishedCharacter) {
  Utf8Pieces pieces;
  EXPECT_EQ(pieces.add("ab\x80\x80\x80\x80"), to_valid_utf8("ab\x80\x80\x80\x80"));
  EXPECT_EQ(pieces.add("x\xf0\x9f\x98"), "x");
  EXPECT_EQ(pieces.add("y"), to_valid_utf8("\xf0\x9f\x98y"));
  EXPECT_EQ(pieces.add("\xff"), to_valid_utf8("\xff"));
  EXPECT_EQ(pieces.add("\xe2"), "");
  EXPECT_EQ(pieces.finish(), to_valid_utf8("\xe2"));
  EXPECT_EQ(pieces.finish(), "");
}

}  // namespace
}  // namespace acloud::sandbox
