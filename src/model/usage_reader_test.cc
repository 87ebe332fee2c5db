#include "model/usage_reader.h"

#include <gtest/gtest.h>

namespace acloud::model {
namespace {

using ledger::Tokens;

TEST(Usage, OpenAisInputIncludesWhatWasCached) {
  EXPECT_EQ(
      openai_usage(Json::parse(R"({"prompt_tokens":100,"completion_tokens":30,
      "prompt_tokens_details":{"cached_tokens":60,"cache_creation_input_tokens":10},
      "completion_tokens_details":{"reasoning_tokens":20}})")),
      (Tokens{.input_uncached = 30, .cache_read = 60, .cache_write_5m = 10, .output = 10, .reasoning = 20}));
  EXPECT_EQ(openai_usage(Json::parse(R"({"prompt_tokens":9,"total_tokens":9})")),
            (Tokens{.input_uncached = 9}));
  for (const char* name : {"prompt_cache_hit_tokens", "cached_tokens"}) {
    Json usage = {{"prompt_tokens", 5}, {"completion_tokens", 1}, {name, 3}};
    EXPECT_EQ(openai_usage(usage), (Tokens{.input_uncached = 2, .cache_read = 3, .output = 1}));
  }
}

TEST(Usage, AnthropicsExcludesIt) {
  const auto start = anthropic_usage(Json::parse(R"({"input_tokens":5,"cache_read_input_tokens":60,
      "cache_creation_input_tokens":7,"cache_creation":{"ephemeral_5m_input_tokens":3,"ephemeral_1h_input_tokens":4},
      "output_tokens":1})"));
  EXPECT_EQ(
      start,
      (Tokens{.input_uncached = 5, .cache_read = 60, .cache_write_5m = 3, .cache_write_1h = 4, .output = 1}));
  // The last event names the output alone, or the sums again.
  EXPECT_EQ(anthropic_usage(Json::parse(R"({"output_tokens":40})"), *start)->output, 40);
  EXPECT_EQ(anthropic_usage(Json::parse(R"({"output_tokens":40,"cache_creation_input_tokens":7})"), *start)
                ->cache_write_1h,
            4);
  EXPECT_EQ(
      anthropic_usage(Json::parse(R"({"input_tokens":1,"cache_creation_input_tokens":7})"))->cache_write_5m,
      7);
}

TEST(Usage, IsNeverMoreThanTheWholeNorLessThanNothing) {
  EXPECT_EQ(openai_usage(Json::parse(R"({"prompt_tokens":5,"completion_tokens":1,
      "prompt_tokens_details":{"cached_tokens":9},"completion_tokens_details":{"reasoning_tokens":9}})")),
            (Tokens{.cache_read = 5, .reasoning = 1}));
  EXPECT_EQ(openai_usage(Json::parse(R"({"prompt_tokens":-5,"completion_tokens":1e300})")), (Tokens{}));
  for (const char* nothing : {"null", "[]", "{}", "7", R"({"prompt_tokens":"5"})"}) {
    EXPECT_EQ(openai_usage(Json::parse(nothing)), std::nullopt) << nothing;
    EXPECT_EQ(anthropic_usage(Json::parse(nothing)), std::nullopt) << nothing;
    EXPECT_EQ(responses_usage(Json::parse(nothing)), std::nullopt) << nothing;
  }
}

TEST(Usage, IsTheSameInEveryDialect) {
  const Tokens tokens{.input_uncached = 1, .cache_read = 2, .cache_write_5m = 3, .output = 4, .reasoning = 5};
  EXPECT_EQ(openai_usage(to_openai_usage(tokens)), tokens);
  Tokens seen = *anthropic_usage(to_anthropic_usage(tokens));
  EXPECT_EQ(seen.input(), tokens.input());
  EXPECT_EQ(seen.output, tokens.output + tokens.reasoning);
  EXPECT_EQ(responses_usage(to_responses_usage(tokens))->input(), tokens.input());
}

TEST(Usage, IsEstimatedByScript) {
  EXPECT_EQ(estimate_tokens(""), 0);
  EXPECT_EQ(estimate_tokens("abcdefgh"), 2);
  EXPECT_EQ(estimate_tokens("\xe4\xbd\xa0\xe5\xa5\xbd"), 2);
}

}  // namespace
}  // namespace acloud::model
