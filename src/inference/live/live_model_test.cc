#include "inference/live/live_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "async/task_scope.h"
#include "base/json.h"
#include "inference/engine/testing/models.h"

namespace acloud::inference {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kTools = R"([{"type":"function","function":{"name":"object_put","parameters":
    {"type":"object","properties":{"bucket":{"enum":["logs","notes"]},"count":{"type":"integer","minimum":0,"maximum":99}},
     "required":["bucket","count"],"additionalProperties":false}}}])";

struct Reply {
  std::string content;
  std::vector<ToolCall> tool_calls;
  std::vector<TokenLog> tokens;
  Outcome outcome;
  int deltas = 0;
};

class LiveModelTest : public ::testing::Test {
 protected:
  LiveModelTest() {
    LiveModel::Options options;
    options.engine = {.file = testing::random_model(), .sequences = 4, .cells = 4096};
    options.check = testing::model_check();
    auto model = loop_.run_until_done(LiveModel::open(std::move(options), pool_, random_));
    if (!model) throw std::runtime_error(model.error().message());
    model_ = *std::move(model);
  }

  static Task<Result<Reply>> read(LiveModel& model, Generate request) {
    ACLOUD_CO_TRY(const auto generation, co_await model.generate(std::move(request)));
    Reply reply;
    for (;;) {
      ACLOUD_CO_TRY(const auto delta, co_await generation->next());
      if (!delta) break;
      ++reply.deltas;
      reply.content += delta->content;
      reply.tokens.insert(reply.tokens.end(), delta->tokens.begin(), delta->tokens.end());
      for (const ToolCallDelta& call : delta->tool_calls) {
        if (call.index == reply.tool_calls.size()) reply.tool_calls.push_back({call.id, call.name, ""});
        reply.tool_calls.at(call.index).arguments += call.arguments;
      }
    }
    reply.outcome = generation->outcome();
    co_return reply;
  }
  Result<Reply> say(Generate request) { return loop_.run_until_done(read(*model_, std::move(request))); }
  static Generate text(std::string prompt, std::int32_t most) {
    return {.workspace = "w", .prompt = std::move(prompt), .most_tokens = most};
  }
  static Generate chat(std::string content) {
    Generate request{.workspace = "w", .most_tokens = 60};
    request.chat = ChatRequest{.messages_json = Json{{{"role", "user"}, {"content", content}}}.dump()};
    return request;
  }

  async::EventLoop loop_;
  async::BlockingPool pool_{"test", 2};
  SystemRandom random_;
  std::unique_ptr<LiveModel> model_;
};

TEST_F(LiveModelTest, SaysAsMuchAsWasAskedFor) {
  const auto reply = say(text("the quick brown fox", 30));
  ASSERT_TRUE(reply) << reply.error().message();
  EXPECT_EQ(reply->outcome.finish, Finish::length);
  EXPECT_EQ(reply->outcome.output_tokens, 30);
  const auto counted = loop_.run_until_done(model_->count(text("the quick brown fox", 1)));
  EXPECT_EQ(reply->outcome.prompt_tokens, counted.value_or(0));
  EXPECT_GT(reply->content.size(), 10U);
  EXPECT_EQ(say(text("the quick brown fox", 30))->content, reply->content);
}

TEST_F(LiveModelTest, ReportsWhatItHadComputedBefore) {
  const std::string prompt =
      "a rather long prompt that comes twice, word for word, from its start to its end";
  EXPECT_EQ(say(text(prompt, 5))->outcome.cached_tokens, 0);
  const auto again = say(text(prompt, 5));
  EXPECT_EQ(again->outcome.cached_tokens, again->outcome.prompt_tokens - 1);
}

TEST_F(LiveModelTest, EndsBeforeAStopString) {
  const std::string whole = say(text("one two three", 40))->content;
  const std::string stop = whole.substr(whole.size() / 2, 4);
  auto request = text("one two three", 40);
  request.stops = {stop, "never said, surely"};
  const auto reply = say(request);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->content, whole.substr(0, whole.find(stop)));
  EXPECT_EQ(reply->outcome.finish, Finish::stop);
  EXPECT_LT(reply->outcome.output_tokens, 40);
}

TEST_F(LiveModelTest, KeepsToASchemaInAChat) {
  auto request = chat("who is it?");
  request.chat->schema_json =
      R"({"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"],"additionalProperties":false})";
  request.sampling = {.temperature = 1, .seed = 5};
  request.most_tokens = 800;
  const auto reply = say(request);
  ASSERT_TRUE(reply) << reply.error().message();
  const auto json = parse_json(reply->content);
  ASSERT_TRUE(json) << reply->content;
  EXPECT_TRUE((*json)["ok"].is_boolean());
  EXPECT_EQ(reply->outcome.finish, Finish::stop);
}

TEST_F(LiveModelTest, CallsAToolWhereOneIsRequired) {
  // The model knows no sense: it is pushed to where the grammar begins, and harder to where it may end.
  const auto engine = *open_llama({.file = testing::random_model()});
  const Token begins = engine->tokenize("<tool_call>", Reading::marked)->front();
  const Token ends = engine->tokenize("<|im_end|>", Reading::marked)->front();
  for (std::uint32_t seed = 1; seed <= 5; ++seed) {
    auto request = chat("store it");
    request.chat->tools_json = kTools;
    request.chat->tool_choice = ToolChoice::required;
    request.sampling = {.temperature = 1, .seed = seed, .bias = {{begins, 90.0F}, {ends, 100.0F}}};
    request.most_tokens = 600;
    const auto reply = say(request);
    ASSERT_TRUE(reply) << reply.error().message();
    ASSERT_GE(reply->tool_calls.size(), 1U) << reply->content;
    EXPECT_EQ(reply->tool_calls[0].name, "object_put");
    EXPECT_THAT(reply->tool_calls[0].id, ::testing::StartsWith("call_"));
    const auto arguments = parse_json(reply->tool_calls[0].arguments);
    ASSERT_TRUE(arguments) << reply->tool_calls[0].arguments;
    EXPECT_THAT((*arguments)["bucket"], ::testing::AnyOf("logs", "notes"));
    EXPECT_EQ(reply->outcome.finish, Finish::tool_calls);
  }
}

TEST_F(LiveModelTest, ReportsLogprobs) {
  auto request = text("one two", 10);
  request.sampling.logprobs = 3;
  const auto reply = say(request);
  ASSERT_TRUE(reply);
  ASSERT_EQ(reply->tokens.size(), 10U);
  for (const TokenLog& token : reply->tokens) {
    ASSERT_EQ(token.alternatives.size(), 3U);
    EXPECT_FLOAT_EQ(token.logprob, token.alternatives[0].second);
    EXPECT_LE(token.logprob, 0);
  }
}

TEST_F(LiveModelTest, ManyAtATimeSayWhatEachSaysAlone) {
  std::vector<std::string> alone;
  for (int i = 0; i < 12; ++i) alone.push_back(say(text("prompt number " + std::to_string(i), 25))->content);
  std::vector<Task<Result<Reply>>> tasks;
  for (int i = 0; i < 12; ++i) tasks.push_back(read(*model_, text("prompt number " + std::to_string(i), 25)));
  const auto replies = loop_.run_until_done(async::all(std::move(tasks)));
  ASSERT_TRUE(replies);
  for (std::size_t i = 0; i < 12; ++i) EXPECT_EQ((*replies)[i].content, alone[i]);
}

TEST_F(LiveModelTest, ADroppedReplyIsComputedNoFurther) {
  auto task = [](LiveModel& model) -> Task<> {
    std::vector<std::unique_ptr<Generation>> dropped;
    for (int i = 0; i < 6; ++i) {
      auto generation = co_await model.generate(text("go on for ever " + std::to_string(i), 900));
      if (i < 4) (void)co_await (*generation)->next();
      dropped.push_back(*std::move(generation));
    }
    dropped.clear();
    const auto reply = co_await read(model, text("and now me", 5));
    EXPECT_TRUE(reply);
  };
  loop_.run_until_done(task(*model_));
  // The cancellations came before the last request, so nothing else runs now.
  EXPECT_EQ(model_->stats().running, 0U);
  EXPECT_EQ(model_->stats().waiting, 0U);
}

TEST_F(LiveModelTest, RefusesWhatItCantDo) {
  const auto refused = [&](Generate request, const char* why) {
    const auto reply = say(std::move(request));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), ErrorCode::invalid_argument);
    EXPECT_THAT(reply.error().message(), HasSubstr(why));
  };
  std::string longest;
  for (int i = 0; i < 3000; ++i) longest += "1 ";
  refused(text(longest, 5), "the model takes 1 to 2047");
  refused(text("", 5), "the prompt has 0 tokens");
  refused(text("x", 0), "max_tokens");
  auto request = text("x", 5);
  request.stops.assign(10'000, "s");
  refused(request, "10000 strings");
  request.stops = {""};
  refused(request, "a string of 0 bytes");
  request = text("x", 5);
  request.schema_json = R"({"type":"nonsense"})";
  refused(request, "JSON Schema");
  request = chat("x");
  request.chat->schema_json = R"({"type":"nonsense"})";
  refused(request, "");
  request = chat("x");
  request.chat->messages_json = "[{}]";
  refused(request, "chat template");
  request = text("x", 5);
  request.sampling.temperature = -1;
  refused(request, "temperature");
  EXPECT_TRUE(say(text("and all is well", 3)));
}

TEST_F(LiveModelTest, CountsAndEmbeds) {
  const auto counted = loop_.run_until_done(model_->count(chat("hello")));
  ASSERT_TRUE(counted);
  EXPECT_EQ(*counted, say(chat("hello"))->outcome.prompt_tokens);
  const auto embedding = loop_.run_until_done(model_->embed({"an apple", "a pear"}));
  ASSERT_TRUE(embedding);
  ASSERT_EQ(embedding->embeddings.size(), 2U);
  EXPECT_EQ(std::ssize(embedding->embeddings[1]), model_->info().embedding);
  EXPECT_GT(embedding->tokens, 2);
  EXPECT_FALSE(loop_.run_until_done(model_->embed({""})));
}

TEST_F(LiveModelTest, ABrokenFileIsRefused) {
  LiveModel::Options options;
  options.engine.file = "/bin/true";
  options.check = testing::model_check();
  const auto model = loop_.run_until_done(LiveModel::open(options, pool_, random_));
  ASSERT_FALSE(model);
  EXPECT_THAT(model.error().message(), HasSubstr("not a GGUF model"));
}

}  // namespace
}  // namespace acloud::inference
