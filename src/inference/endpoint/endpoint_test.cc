#include "inference/endpoint/endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "async/task_scope.h"
#include "base/encoding.h"
#include "base/json.h"
#include "inference/endpoint/chat_request.h"
#include "inference/endpoint/local_models.h"
#include "inference/engine/testing/models.h"
#include "net/sse.h"

namespace acloud::inference {
namespace {

using ::testing::HasSubstr;

struct Answer {
  int status = 0;
  std::string type;
  std::string body;
  Json json() const { return parse_json(body).value_or(Json()); }
  std::vector<Json> events() const {
    std::vector<net::Event> events;
    EXPECT_TRUE(net::SseParser().feed(body, events));
    std::vector<Json> chunks;
    for (const net::Event& event : events)
      chunks.push_back(parse_json(event.data).value_or(Json(event.data)));
    return chunks;
  }
};

class EndpointTest : public ::testing::Test {
 protected:
  EndpointTest() {
    std::vector<LocalModel> models(4);
    models[0].name = "tiny";
    models[0].options.engine = {.file = testing::random_model(), .sequences = 2, .cells = 2048};
    models[0].options.check = testing::model_check();
    models[1].name = "broken";
    models[1].options.engine = {.file = "/bin/true"};
    models[1].options.check = testing::model_check();
    models[2] = models[0];
    models[2].name = "late";
    models[2].options.engine.file = "given at the first call";
    models[2].file_at_first_call = [this] {
      ++late_files_;
      return testing::random_model();
    };
    models[3] = models[2];
    models[3].name = "never";
    models[3].file_at_first_call = [this]() -> Result<std::string> {
      ++late_files_;
      return fail(ErrorCode::not_found, "no file today");
    };
    models_ = std::make_unique<LocalModels>(pool_, random_);
    loop_.run_until_done(models_->load(std::move(models)));
    endpoint_.emplace(*models_, clock_, random_);
  }

  static Task<Result<Answer>> ask_task(Endpoint& endpoint, std::string path, std::string body) {
    net::Request request{.method = "POST", .target = std::move(path)};
    request.body = std::move(body);
    ACLOUD_CO_TRY(net::Response response, co_await endpoint.answer("w", std::move(request)));
    Answer answer{.status = response.status, .type = std::string(response.headers.value("content-type"))};
    ACLOUD_CO_TRY(answer.body, co_await response.body.read_all(1 << 24));
    co_return answer;
  }
  Answer ask(const std::string& path, const Json& body) { return ask_text(path, body.dump()); }
  Answer ask_text(const std::string& path, std::string body) {
    return *loop_.run_until_done(ask_task(*endpoint_, path, std::move(body)));
  }
  static Json chat(Json more = Json::object()) {
    Json body = {{"model", "tiny"},
                 {"messages", {{{"role", "user"}, {"content", "hello"}}}},
                 {"max_tokens", 12},
                 {"temperature", 0}};
    body.update(more);
    return body;
  }

  async::EventLoop loop_;
  async::BlockingPool pool_{"test", 2};
  SeededRandom random_{1};
  ManualClock clock_;
  int late_files_ = 0;
  std::unique_ptr<LocalModels> models_;
  std::optional<Endpoint> endpoint_;
};

TEST_F(EndpointTest, AnswersAChat) {
  const Answer answer = ask("/v1/chat/completions", chat());
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.type, "application/json");
  const Json json = answer.json();
  EXPECT_EQ(json["object"], "chat.completion");
  EXPECT_EQ(json["model"], "tiny");
  EXPECT_EQ(json["created"], 1'800'000'000);
  EXPECT_EQ(json["choices"][0]["message"]["role"], "assistant");
  EXPECT_FALSE(json["choices"][0]["message"]["content"].get<std::string>().empty());
  EXPECT_EQ(json["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(json["usage"]["completion_tokens"], 12);
  EXPECT_EQ(json["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
  EXPECT_EQ(ask("/count_tokens", chat()).json()["input_tokens"], json["usage"]["prompt_tokens"]);
}

TEST_F(EndpointTest, AStreamSaysTheSame) {
  const Json whole = ask("/chat/completions", chat()).json();
  const Answer answer =
      ask("/chat/completions", chat({{"stream", true}, {"stream_options", {{"include_usage", true}}}}));
  ASSERT_EQ(answer.status, 200);
  EXPECT_EQ(answer.type, "text/event-stream");
  const auto chunks = answer.events();
  ASSERT_GE(chunks.size(), 4U);
  EXPECT_EQ(chunks.front()["choices"][0]["delta"]["role"], "assistant");
  EXPECT_EQ(chunks.back(), "[DONE]");
  const Json& usage = chunks[chunks.size() - 2];
  EXPECT_TRUE(usage["choices"].empty());
  EXPECT_EQ(usage["usage"]["completion_tokens"], 12);
  EXPECT_GT(usage["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
  EXPECT_EQ(chunks[chunks.size() - 3]["choices"][0]["finish_reason"], "length");
  std::string content;
  for (const Json& chunk : chunks) {
    if (!chunk.is_object() || chunk["choices"].empty()) continue;
    content += chunk["choices"][0]["delta"].value("content", "");
  }
  EXPECT_EQ(Json(content), whole["choices"][0]["message"]["content"]);
}

TEST_F(EndpointTest, GivesUsageOnlyWhereItIsWanted) {
  for (const Json& chunk : ask("/chat/completions", chat({{"stream", true}})).events())
    EXPECT_TRUE(!chunk.is_object() || !chunk.contains("usage"));
}

TEST_F(EndpointTest, GivesLogprobs) {
  const Json json = ask("/chat/completions", chat({{"logprobs", true}, {"top_logprobs", 2}})).json();
  const Json& content = json["choices"][0]["logprobs"]["content"];
  ASSERT_EQ(content.size(), 12U);
  EXPECT_EQ(content[0]["top_logprobs"].size(), 2U);
  EXPECT_EQ(content[0]["top_logprobs"][0]["token"], content[0]["token"]);
}

TEST_F(EndpointTest, KeepsToAJsonSchema) {
  const Json format = {{"type", "json_schema"},
                       {"json_schema",
                        {{"name", "x"},
                         {"schema",
                          {{"type", "object"},
                           {"properties", {{"n", {{"enum", {1, 2}}}}}},
                           {"required", {"n"}},
                           {"additionalProperties", false}}}}}};
  const Json json =
      ask("/chat/completions", chat({{"response_format", format}, {"max_tokens", 500}, {"temperature", 1}}))
          .json();
  const auto content = parse_json(json["choices"][0]["message"]["content"].get<std::string>());
  ASSERT_TRUE(content) << json;
  EXPECT_THAT((*content)["n"], ::testing::AnyOf(1, 2));
}

TEST_F(EndpointTest, KeepsToAGrammar) {
  const Json json = ask("/chat/completions", chat({{"grammar", R"(root ::= "yes" | "no")"}})).json();
  EXPECT_THAT(json["choices"][0]["message"]["content"].get<std::string>(), ::testing::AnyOf("yes", "no"));
  EXPECT_EQ(json["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(ask("/chat/completions", chat({{"grammar", "root ::= ((("}})).status, 400);
}

TEST(ReadChatCall, KeepsTheOrderOfNames) {
  const auto call = read_chat_call(
      R"({"model":"m","messages":[{"role":"user","content":"x"}],"tool_choice":{"type":"function","function":{"name":"f"}},
          "tools":[{"type":"function","function":{"name":"g"}},
                   {"type":"function","function":{"name":"f","parameters":{"properties":{"z":{},"a":{}}}}}]})",
      {}, 1);
  ASSERT_TRUE(call) << call.error().message();
  EXPECT_EQ(call->generate.chat->messages_json, R"([{"role":"user","content":"x"}])");
  EXPECT_EQ(call->generate.chat->tools_json,
            R"([{"type":"function","function":{"name":"f","parameters":{"properties":{"z":{},"a":{}}}}}])");
}

TEST_F(EndpointTest, Embeds) {
  const Json json = ask("/v1/embeddings", {{"model", "tiny"}, {"input", {"one", "two"}}}).json();
  ASSERT_EQ(json["data"].size(), 2U);
  EXPECT_EQ(json["data"][1]["index"], 1);
  const auto numbers = json["data"][0]["embedding"].get<std::vector<float>>();
  EXPECT_EQ(std::ssize(numbers), (*models_->status("tiny"))->info.embedding);
  const Json coded =
      ask("/v1/embeddings", {{"model", "tiny"}, {"input", "one"}, {"encoding_format", "base64"}}).json();
  const auto bytes = from_base64(coded["data"][0]["embedding"].get<std::string>());
  ASSERT_TRUE(bytes);
  std::vector<float> decoded(numbers.size());
  ASSERT_EQ(bytes->size(), decoded.size() * sizeof(float));
  std::memcpy(decoded.data(), bytes->data(), bytes->size());
  EXPECT_EQ(decoded, numbers);
}

TEST_F(EndpointTest, SaysWhatIsWrong) {
  const auto refused = [&](const Answer& answer, int status, const char* why) {
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_THAT(answer.json()["error"]["message"].get<std::string>(), HasSubstr(why));
  };
  refused(ask_text("/chat/completions", "{"), 400, "");
  refused(ask_text("/chat/completions", "[]"), 400, "an object");
  refused(ask("/chat/completions", chat({{"model", "nobody"}})), 404, "nobody");
  refused(ask("/chat/completions", chat({{"model", "broken"}})), 503, "not a GGUF model");
  refused(ask("/chat/completions", chat({{"messages", Json::array()}})), 400, "messages");
  refused(ask("/chat/completions", chat({{"messages", {{{"role", "user"}, {"content", 5}}}}})), 400, "");
  refused(ask("/chat/completions", chat({{"temperature", "hot"}})), 400, "temperature: must be a number");
  refused(ask("/chat/completions", chat({{"temperature", 100}})), 400, "temperature");
  refused(ask("/chat/completions", chat({{"max_tokens", 0}})), 400, "max_tokens");
  refused(ask("/chat/completions", chat({{"max_tokens", 1e30}})), 400, "max_tokens");
  refused(ask("/chat/completions", chat({{"n", 2}})), 400, "n:");
  refused(ask("/chat/completions", chat({{"stop", Json::array_t(10'000, "x")}})), 400, "10000 strings");
  refused(ask("/chat/completions", chat({{"logit_bias", {{"99999999", 1}}}})), 400, "logit_bias");
  refused(ask("/chat/completions", chat({{"response_format", {{"type", "xml"}}}})), 400, "response_format");
  refused(ask("/chat/completions",
              chat({{"tools", {{{"type", "function"}, {"function", {{"name", "f"}}}}}},
                    {"tool_choice", {{"type", "function"}, {"function", {{"name", "g"}}}}}})),
          400, "tool_choice");
  refused(ask("/embeddings", {{"model", "tiny"}, {"input", 5}}), 400, "input");
  refused(ask("/elsewhere", chat()), 404, "/elsewhere");
  std::string many;
  for (int i = 0; i < 3000; ++i) many += "1 ";
  refused(ask("/chat/completions", chat({{"messages", {{{"role", "user"}, {"content", many}}}}})), 400,
          "tokens");
  EXPECT_EQ(ask("/chat/completions", chat()).status, 200);
}

TEST_F(EndpointTest, AStreamThatIsDroppedEndsItsReply) {
  auto task = [](Endpoint& endpoint, std::string body) -> Task<> {
    net::Request request{.method = "POST", .target = "/chat/completions"};
    request.body = std::move(body);
    auto response = co_await endpoint.answer("w", std::move(request));
    (void)co_await response->body.read();
  };
  loop_.run_until_done(task(*endpoint_, chat({{"stream", true}, {"max_tokens", 1900}}).dump()));
  ask("/chat/completions", chat());
  EXPECT_EQ((*models_->status("tiny"))->stats.running, 0U);
}

TEST_F(EndpointTest, LoadsAModelAtItsFirstCallForAllWhoWaitForIt) {
  EXPECT_FALSE(*models_->status("late"));
  EXPECT_EQ(late_files_, 0);
  std::vector<Task<Result<LiveModel*>>> calls;
  for (int i = 0; i < 3; ++i) calls.push_back(models_->get("late"));
  const auto found = loop_.run_until_done(async::all(std::move(calls)));
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_TRUE(*models_->status("late"));
  EXPECT_EQ(*found, std::vector(3, found->front()));
  EXPECT_EQ(late_files_, 1);
  EXPECT_EQ(ask("/chat/completions", chat({{"model", "late"}})).status, 200);
}

TEST_F(EndpointTest, SaysEachTimeWhyAModelCouldNotBeLoadedAtItsFirstCall) {
  for (int i = 0; i < 2; ++i) {
    const Answer answer = ask("/chat/completions", chat({{"model", "never"}}));
    EXPECT_EQ(answer.status, 503);
    EXPECT_THAT(answer.body, HasSubstr("no file today"));
  }
  EXPECT_EQ(late_files_, 1);
}

}  // namespace
}  // namespace acloud::inference
