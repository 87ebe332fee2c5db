#include "base/json_outline.h"

#include <gtest/gtest.h>

namespace acloud {
namespace {

constexpr std::string_view kBody =
    R"( {"model":"qwen\"max", "stream" : true,"messages":[{"role":"user","content":"a \"model\":\"x\" }] \\"}],)"
    R"("n":-12,"stream_options":{"include_usage":true},"e":"", "x":null } )";

TEST(JsonOutline, FindsFieldsHoweverThePiecesAreCut) {
  for (std::size_t step = 1; step <= kBody.size(); ++step) {
    JsonOutline outline;
    for (std::size_t at = 0; at < kBody.size(); at += step) {
      ASSERT_TRUE(outline.feed(kBody.substr(at, step))) << step;
    }
    ASSERT_TRUE(outline.finish());
    ASSERT_EQ(outline.fields().size(), 7u);
    EXPECT_EQ(outline.string("model"), "qwen\"max");
    EXPECT_EQ(outline.string("e"), "");
    EXPECT_TRUE(outline.is_true("stream"));
    EXPECT_EQ(outline.integer("n"), -12);
    EXPECT_EQ(outline.integer("model"), std::nullopt);
    EXPECT_EQ(outline.string("x"), std::nullopt);
    EXPECT_EQ(outline.value("stream_options"), Json::parse(R"({"include_usage":true})"));
    const auto* messages = outline.find("messages");
    EXPECT_EQ(kBody.substr(messages->begin, messages->end - messages->begin), messages->text);
    EXPECT_EQ(kBody[outline.end()], '}');
  }
}

TEST(JsonOutline, KeepsNoLargeValueAndItsPlaceAllTheSame) {
  const std::string large(JsonOutline::kTextBytes, 'x');
  const std::string body = R"({"prompt":")" + large + R"(","model":"m"})";
  JsonOutline outline;
  ASSERT_TRUE(outline.feed(body));
  ASSERT_TRUE(outline.finish());
  EXPECT_EQ(outline.find("prompt")->text, "");
  EXPECT_EQ(outline.find("prompt")->end - outline.find("prompt")->begin, large.size() + 2);
  EXPECT_EQ(outline.string("model"), "m");
}

TEST(JsonOutline, RefusesWhatTwoReadersCouldReadInTwoWays) {
  for (const std::string_view wrong :
       {R"({"model":"a","model":"b"})", R"({"model":"a","mod\u0065l":"b"})", R"({"a":1,})", R"([])", R"("x")",
        R"({"a" 1})", R"({"a":1 "b":2})", R"({"a":1}{"b":2})", R"({"a":[1}})", R"({,})", R"({"a":})"}) {
    JsonOutline outline;
    const auto fed = outline.feed(wrong);
    ASSERT_FALSE(fed) << wrong;
    EXPECT_EQ(fed.error().code(), ErrorCode::invalid_argument);
  }
  for (const std::string_view part : {"", "{", R"({"a)", R"({"a":"b)", R"({"a":[)", R"({"a":1)"}) {
    JsonOutline outline;
    ASSERT_TRUE(outline.feed(part)) << part;
    EXPECT_FALSE(outline.finish()) << part;
  }
  JsonOutline deep;
  EXPECT_FALSE(deep.feed(R"({"a":)" + std::string(200, '[')));
}

TEST(JsonOutline, FindsAValueByItsNameAtAnyDepth) {
  const std::string_view event =
      R"({"choices":[{"delta":{"content":"\"usage\":{\"x\":1}"}}],"usage" : {"prompt_tokens":3,"d":{"c":[1]}},"z":1})";
  EXPECT_EQ(find_json_value(event, "usage"), R"({"prompt_tokens":3,"d":{"c":[1]}})");
  EXPECT_EQ(find_json_value(event, "prompt_tokens"), "3");
  EXPECT_EQ(find_json_value(event, "content"), R"("\"usage\":{\"x\":1}")");
  EXPECT_EQ(find_json_value(event, "nothing"), "");
  EXPECT_EQ(find_json_value(R"({"usage":{"a":"b)", "usage"), R"({"a":"b)");
}

}  // namespace
}  // namespace acloud
