#include "base/encoding.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace acloud {
namespace {

TEST(Encoding, KnownForms) {
  EXPECT_EQ(to_hex(std::string("\x00\xff", 2)), "00ff");
  EXPECT_EQ(to_base64("ab"), "YWI=");
  EXPECT_EQ(to_percent("a b/ü"), "a%20b%2F%C3%BC");
  EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(from_percent("a+b%2f", true), "a b/");
  EXPECT_EQ(from_base64("-_8"), "\xfb\xff");
}

TEST(Encoding, EveryFormReadsBackWhatItWrote) {
  SeededRandom random(3);
  for (std::size_t size = 0; size < 70; ++size) {
    const std::string bytes = *from_hex(random.hex(size));
    EXPECT_EQ(from_hex(to_hex(bytes)), bytes);
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
    EXPECT_EQ(from_percent(to_percent(bytes)), bytes);
    EXPECT_TRUE(is_utf8(to_valid_utf8(bytes)));
  }
}

TEST(Encoding, RefusesMalformedText) {
  EXPECT_FALSE(from_hex("abc"));
  EXPECT_FALSE(from_hex("zz"));
  EXPECT_FALSE(from_base64("a"));
  EXPECT_FALSE(from_base64("ab!="));
  EXPECT_FALSE(from_percent("%4"));
  EXPECT_FALSE(from_percent("%"));
  EXPECT_EQ(from_percent("%41"), "A");
}

TEST(Encoding, KnowsUtf8) {
  EXPECT_TRUE(is_utf8("aü€😀"));
  for (const auto* text : {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80"}) {
    EXPECT_FALSE(is_utf8(text)) << to_hex(text);
  }
  EXPECT_EQ(to_valid_utf8("a\xff"), "a\xef\xbf\xbd");
  // Wherever the odd byte stands among those that are read eight at a time.
  for (std::size_t at = 0; at < 20; ++at) {
    std::string text(20, 'a');
    text[at] = '\xbf';
    EXPECT_FALSE(is_utf8(text)) << at;
    EXPECT_TRUE(is_utf8(text.replace(at, 1, "ü"))) << at;
  }
}

TEST(Encoding, HashesInPieces) {
  Sha256 hash;
  hash.update("a");
  hash.update("bc");
  EXPECT_EQ(hash.finish(), sha256("abc"));
}

}  // namespace
}  // namespace acloud
