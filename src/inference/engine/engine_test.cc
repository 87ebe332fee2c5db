#include "inference/engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/json.h"
#include "inference/engine/testing/models.h"

namespace acloud::inference {
namespace {

using ::testing::HasSubstr;

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() {
    open({.file = testing::random_model(), .sequences = 4, .cells = 2048, .exact_state = true});
  }

  void open(const EngineOptions& options) {
    auto opened = open_llama(options);
    ASSERT_TRUE(opened) << opened.error().message();
    engine_ = *std::move(opened);
  }
  std::vector<Token> tokens(std::string_view text) const { return *engine_->tokenize(text, Reading::prompt); }
  // The likeliest token after `tokens`, taken in at `position`.
  Token next(Sequence sequence, std::int32_t position, std::span<const Token> tokens) {
    const Input input{sequence, position, tokens, true};
    EXPECT_TRUE(engine_->decode({&input, 1}));
    const auto sampler = engine_->make_sampler({});
    return engine_->sample(**sampler, 0)->token;
  }
  std::vector<Token> continued(Sequence sequence, std::int32_t position, Token token, int count) {
    std::vector<Token> said;
    for (int i = 0; i < count; ++i) {
      said.push_back(token);
      token = next(sequence, position + i, {&token, 1});
    }
    return said;
  }
  std::string text(std::span<const Token> tokens) const {
    std::string joined;
    for (const Token token : tokens) joined += engine_->text_of(token, true);
    return joined;
  }

  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineTest, SaysWhatTheModelIs) {
  const ModelInfo& model = engine_->model();
  EXPECT_EQ(model.architecture, "qwen3");
  EXPECT_EQ(model.parameters, 2'853'696);
  EXPECT_EQ(model.context, 2048);
  EXPECT_EQ(model.cells, 2048);
  EXPECT_EQ(model.vocabulary, 1024);
  // Keys and values of 6 heads of 32 numbers in 6 layers, 4 bytes each.
  EXPECT_EQ(model.state.value, 2048LL * 2 * 6 * 32 * 6 * 4);
  EXPECT_TRUE(model.has_chat_template);
  EXPECT_TRUE(model.shares_prefixes);
}

TEST_F(EngineTest, TokensAreTheTextAgain) {
  for (const std::string_view said : {"put 'data.csv' into logs", "größer → ½", "a\n\n  b\t"})
    EXPECT_EQ(text(*engine_->tokenize(said, Reading::plain)), said);
  // What is not UTF-8 becomes U+FFFD.
  EXPECT_EQ(text(*engine_->tokenize("\xff\xfe broken", Reading::plain)), "\uFFFD\uFFFD broken");
  EXPECT_TRUE(engine_->tokenize("", Reading::plain)->empty());
  const auto special = tokens("<|im_start|>user\nhi<|im_end|>");
  EXPECT_EQ(text(special), "<|im_start|>user\nhi<|im_end|>");
  EXPECT_EQ(engine_->text_of(special.front(), false), "");
  EXPECT_TRUE(engine_->ends_reply(special.back()));
  EXPECT_GT(engine_->tokenize("<|im_end|>", Reading::plain)->size(), 1U);
}

TEST_F(EngineTest, ACopiedPrefixContinuesAsTheOriginal) {
  const auto prompt = tokens("the quick brown fox jumps over the lazy dog 0123456789");
  const auto length = static_cast<std::int32_t>(prompt.size());
  const auto said = continued(0, length, next(0, 0, prompt), 20);
  engine_->copy(0, 1, length - 1);
  EXPECT_EQ(continued(1, length, next(1, length - 1, {&prompt.back(), 1}), 20), said);
  ASSERT_TRUE(engine_->truncate(0, 10));
  EXPECT_EQ(continued(0, length, next(0, 10, std::span(prompt).subspan(10)), 20), said);
}

TEST_F(EngineTest, ASavedSequenceContinuesInAnotherEngine) {
  const auto prompt = tokens("store 42 under answer");
  const auto length = static_cast<std::int32_t>(prompt.size());
  const Token first = next(2, 0, prompt);
  const auto state = engine_->save(2);
  ASSERT_TRUE(state);
  const auto said = continued(2, length, first, 20);
  open({.file = testing::random_model(), .sequences = 4, .cells = 2048, .exact_state = true});
  ASSERT_TRUE(engine_->restore(3, *state, length));
  EXPECT_EQ(continued(3, length, first, 20), said);
}

TEST_F(EngineTest, RefusesAStateThatIsNone) {
  EXPECT_FALSE(engine_->restore(0, "nonsense", 8));
  EXPECT_FALSE(engine_->restore(0, "", 8));
  const auto prompt = tokens("store 42 under answer");
  const Token first = next(1, 0, prompt);
  const auto length = static_cast<std::int32_t>(prompt.size());
  const auto state = *engine_->save(1);
  EXPECT_FALSE(engine_->restore(0, std::string_view(state).substr(0, state.size() / 2), length));
  EXPECT_FALSE(engine_->restore(0, state, length + 1));
  // What failed has left the sequence empty.
  EXPECT_EQ(next(0, 0, prompt), first);
}

TEST_F(EngineTest, SaysWhenItIsFull) {
  const std::vector<Token> row(512, 65);
  for (Sequence sequence = 0; sequence < 4; ++sequence) {
    const Input input{sequence, 0, row, false};
    ASSERT_TRUE(engine_->decode({&input, 1}));
  }
  const std::array<Token, 1> more{66};
  const Input input{0, 512, more, true};
  const auto full = engine_->decode({&input, 1});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code(), ErrorCode::unavailable);
  ASSERT_TRUE(engine_->truncate(3, 0));
  EXPECT_TRUE(engine_->decode({&input, 1}));
}

TEST_F(EngineTest, ReportsTheModelsOwnDistribution) {
  const auto prompt = tokens("sum of the column");
  const Input input{0, 0, prompt, true};
  ASSERT_TRUE(engine_->decode({&input, 1}));
  const auto sampler = engine_->make_sampler({.logprobs = 20});
  const auto sampled = engine_->sample(**sampler, 0);
  ASSERT_TRUE(sampled);
  ASSERT_EQ(sampled->alternatives.size(), 20U);
  EXPECT_EQ(sampled->alternatives.front().token, sampled->token);
  EXPECT_FLOAT_EQ(sampled->alternatives.front().logprob, sampled->logprob);
  double sum = 0;
  for (std::size_t i = 0; i < 20; ++i) {
    sum += std::exp(sampled->alternatives[i].logprob);
    if (i > 0) EXPECT_LE(sampled->alternatives[i].logprob, sampled->alternatives[i - 1].logprob);
  }
  EXPECT_LE(sum, 1.0001);
}

TEST_F(EngineTest, TheSameSeedSaysTheSame) {
  const auto run = [&](std::uint32_t seed) {
    const auto prompt = tokens("tell me");
    const auto sampler = engine_->make_sampler({.temperature = 2, .seed = seed});
    std::vector<Token> said;
    std::vector<Token> take = prompt;
    std::int32_t at = 0;
    for (int i = 0; i < 20; ++i) {
      const Input input{0, at, take, true};
      EXPECT_TRUE(engine_->decode({&input, 1}));
      at += static_cast<std::int32_t>(take.size());
      take = {engine_->sample(**sampler, 0)->token};
      said.push_back(take.front());
    }
    engine_->truncate(0, 0);
    return said;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST_F(EngineTest, KeepsToASchema) {
  auto constraint = engine_->constrain_to_schema(
      R"({"type":"object","properties":{"name":{"enum":["ann","bob"]},"n":{"type":"integer","minimum":0,"maximum":9}},
          "required":["name","n"],"additionalProperties":false})");
  ASSERT_TRUE(constraint) << constraint.error().message();
  const auto sampler = engine_->make_sampler({.temperature = 1, .seed = 3, .constraint = *constraint});
  ASSERT_TRUE(sampler) << sampler.error().message();
  std::vector<Token> take = tokens("who?");
  std::int32_t at = 0;
  std::string said;
  for (int i = 0; i < 200; ++i) {
    const Input input{0, at, take, true};
    ASSERT_TRUE(engine_->decode({&input, 1}));
    at += static_cast<std::int32_t>(take.size());
    const auto sampled = engine_->sample(**sampler, 0);
    ASSERT_TRUE(sampled) << sampled.error().message();
    if (engine_->ends_reply(sampled->token)) break;
    take = {sampled->token};
    said += engine_->text_of(sampled->token, false);
  }
  const auto json = parse_json(said);
  ASSERT_TRUE(json) << said;
  EXPECT_THAT((*json)["name"], ::testing::AnyOf("ann", "bob"));
  EXPECT_TRUE((*json)["n"].is_number_integer());
}

TEST_F(EngineTest, RefusesWhatCantBeKeptTo) {
  for (const char* schema :
       {"{", R"({"type":"nonsense"})", R"({"$ref":"#/nowhere"})", R"({"pattern":"^($","type":"string"})"}) {
    const auto constraint = engine_->constrain_to_schema(schema);
    ASSERT_FALSE(constraint) << schema;
    EXPECT_EQ(constraint.error().code(), ErrorCode::invalid_argument);
  }
  for (const char* grammar :
       {"root ::= (", "x ::= \"a\"", "root ::= root", "%llguidance {}", "root ::= nowhere"}) {
    const Constraint constraint{.source = Constraint::Source::caller, .grammar = grammar};
    const auto sampler = engine_->make_sampler({.constraint = constraint});
    ASSERT_FALSE(sampler) << grammar;
    EXPECT_EQ(sampler.error().code(), ErrorCode::invalid_argument);
  }
  EXPECT_FALSE(engine_->make_sampler({.temperature = NAN}));
  EXPECT_FALSE(engine_->make_sampler({.top_p = 1.5F}));
  EXPECT_FALSE(engine_->make_sampler({.bias = {{5000, 1.0F}}}));
  EXPECT_FALSE(engine_->make_sampler({.logprobs = 21}));
}

TEST_F(EngineTest, RendersChatsAndReadsReplies) {
  ChatRequest chat;
  chat.messages_json =
      R"([{"role":"system","content":"Be short."},{"role":"user","content":"store 7 in logs"},
          {"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function",
            "function":{"name":"object_put","arguments":"{\"key\":\"x\"}"}}]},
          {"role":"tool","tool_call_id":"c1","content":"{\"etag\":1}"}])";
  chat.tools_json = R"([{"type":"function","function":{"name":"object_put","description":"d",
      "parameters":{"type":"object","properties":{"bucket":{"type":"string"},"key":{"type":"string"}},"required":["bucket","key"]}}}])";
  const auto prompt = engine_->render(chat);
  ASSERT_TRUE(prompt) << prompt.error().message();
  EXPECT_EQ(prompt->text,
            "<|im_start|>system\nBe short.\n<tools>object_put(bucket,key)</tools><|im_end|>"
            "<|im_start|>user\nstore 7 in logs<|im_end|>"
            "<|im_start|>assistant\n<tool_call>{\"name\": \"object_put\", \"arguments\": {\"key\": "
            "\"x\"}}</tool_call><|im_end|>"
            "<|im_start|>tool\n{\"etag\":1}<|im_end|><|im_start|>assistant\n");
  const auto call = prompt->reader->read(
      "<tool_call>{\"name\": \"object_put\", \"arguments\": {\"bucket\": \"logs\", \"key\": "
      "\"7\"}}</tool_call>",
      false);
  ASSERT_TRUE(call) << call.error().message();
  ASSERT_EQ(call->tool_calls.size(), 1U);
  EXPECT_EQ(call->tool_calls[0].name, "object_put");
  EXPECT_EQ(*parse_json(call->tool_calls[0].arguments), (Json{{"bucket", "logs"}, {"key", "7"}}));
  const auto answer = prompt->reader->read("It is done.", false);
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->content, "It is done.");
  EXPECT_TRUE(answer->tool_calls.empty());
}

TEST_F(EngineTest, RefusesChatsThatAreNone) {
  for (const char* messages :
       {"", "{}", "[{}]", R"([{"role":5}])", R"([{"role":"user","content":{"a":1}}])"}) {
    const auto prompt = engine_->render({.messages_json = messages});
    ASSERT_FALSE(prompt) << messages;
    EXPECT_EQ(prompt.error().code(), ErrorCode::invalid_argument);
  }
}

TEST_F(EngineTest, EmbedsTexts) {
  const auto one = engine_->embed(tokens("an apple"));
  const auto same = engine_->embed(tokens("an apple"));
  const auto other = engine_->embed(tokens("0123456789"));
  ASSERT_TRUE(one && same && other);
  ASSERT_EQ(std::ssize(*one), engine_->model().embedding);
  EXPECT_EQ(*one, *same);
  const auto product = [&](const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * b[i];
    return sum;
  };
  EXPECT_NEAR(product(*one, *same), 1, 1e-5);
  EXPECT_LT(product(*one, *other), 0.99);
  EXPECT_FALSE(engine_->embed({}));
}

TEST(OpenLlama, RefusesOptionsOutOfRange) {
  for (const EngineOptions& options : {EngineOptions{.file = testing::random_model(), .sequences = 0},
                                       EngineOptions{.file = testing::random_model(), .sequences = 1000},
                                       EngineOptions{.file = testing::random_model(), .cells = -1},
                                       EngineOptions{.file = testing::random_model(), .batch = 1},
                                       EngineOptions{.file = testing::random_model(), .threads = 0}}) {
    const auto opened = open_llama(options);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code(), ErrorCode::invalid_argument);
  }
}

}  // namespace
}  // namespace acloud::inference
