#include "base/json.h"

#include <gtest/gtest.h>

namespace acloud {
namespace {

std::string problem(std::string_view text) {
  const auto value = parse_json(text);
  return value ? "taken: " + to_text(*value) : value.error().message();
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(Json, ReadsWhatTheLibraryReads) {
  for (const std::string_view text :
       {R"({"a":[1,-2,0,-0,3.5,1e3,true,false,null,"x"],"b":{"c":{}}})", "18446744073709551615",
        "18446744073709551616", "-9223372036854775808", "-9223372036854775809", R"("\u00fc\ud83d\ude00\n\"")",
        R"({"ü":"😀"})", " [ ] ", "0.1", "1e-320", "123456789.123456789e-5", R"("")"}) {
    const auto value = parse_json(text);
    ASSERT_TRUE(value) << text << ": " << value.error().message();
    const Json other = Json::parse(text);
    EXPECT_EQ(*value, other) << text;
    EXPECT_EQ(value->dump(), other.dump()) << text;
    EXPECT_EQ(value->is_number_unsigned(), other.is_number_unsigned() || text == "-0") << text;
  }
}

TEST(Json, SaysWhereItIsMalformed) {
  EXPECT_TRUE(problem(R"({"a":1,})").starts_with("malformed JSON: at byte 8: ")) << problem(R"({"a":1,})");
  EXPECT_TRUE(problem("[1] 2").starts_with("malformed JSON: at byte 5: ")) << problem("[1] 2");
  EXPECT_TRUE(problem("[1e999]").starts_with("malformed JSON: at byte ")) << problem("[1e999]");
  EXPECT_EQ(problem(std::string_view("[1]\0", 4)), "malformed JSON: at byte 3: a NUL stands nowhere in JSON");
  EXPECT_EQ(problem(R"({"a":1,"b":2,"a":3})"), "malformed JSON: the name \"a\" stands twice in one object");
  for (const std::string_view text :
       {"\"\xff\"", R"("\ud800")", R"("\udc00")", R"("\ud800\u0041")", "\"\t\""}) {
    EXPECT_TRUE(problem(text).starts_with("malformed JSON: at byte ")) << problem(text);
  }
}

TEST(Json, RefusesWhatStrangersTry) {
  for (const std::string_view text :
       {std::string_view(), std::string_view("{\"a\":1}x"), std::string_view("[]\0x", 4),
        std::string_view("[01]"), std::string_view("[1,]"), std::string_view("{'a':1}")}) {
    EXPECT_TRUE(problem(text).starts_with("malformed JSON: at byte ")) << problem(text);
  }
}

TEST(Json, BoundsItsDepth) {
  EXPECT_TRUE(parse_json(nested(kJsonDepth)));
  EXPECT_EQ(problem(nested(kJsonDepth + 1)), "malformed JSON: nested deeper than 128");
  EXPECT_EQ(problem(nested(10'000)), "malformed JSON: nested deeper than 128");
}

TEST(Json, WritesStrings) {
  const auto written = [](std::string_view text) {
    std::string out = "x";
    append_json_string(out, text);
    return out;
  };
  EXPECT_EQ(written(""), R"(x"")");
  EXPECT_EQ(written("plain ü😀"), R"(x"plain ü😀")");
  EXPECT_EQ(written("\"a\\b\nc\td\re\x01"), R"(x"\"a\\b\nc\td\re\u0001")");
  EXPECT_EQ(written("a\xff"), "x\"a\xef\xbf\xbd\"");
}

}  // namespace
}  // namespace acloud
