#include "model/translate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/dialect/conversation.h"

namespace acloud::model {
namespace {

using ::testing::HasSubstr;

Json translated(Form from, Form to, const Json& request) {
  const auto out = translate_request(from, to, to_text(request), "m");
  EXPECT_TRUE(out) << out.error().message();
  return out ? Json::parse(out->body) : Json();
}

std::string refused(Form from, Form to, const Json& request) {
  const auto out = translate_request(from, to, to_text(request), "m");
  if (out) return "translated: " + out->body;
  EXPECT_EQ(out.error().code(), ErrorCode::invalid_argument);
  return out.error().message();
}

const Json kOpenAi = Json::parse(R"({"model":"x","max_tokens":5,"temperature":0.5,"stop":"END","messages":[
  {"role":"system","content":"S1"},{"role":"developer","content":[{"type":"text","text":"S2"}]},
  {"role":"user","content":[{"type":"text","text":"look"},
    {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},
    {"type":"image_url","image_url":{"url":"https://a/b.png"}}]},
  {"role":"assistant","content":null,"tool_calls":[
    {"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},
    {"id":"c2","type":"function","function":{"name":"g","arguments":""}}]},
  {"role":"tool","tool_call_id":"c1","content":"r1"},{"role":"tool","tool_call_id":"c2","content":"r2"},
  {"role":"user","content":"go on"}],
  "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":true}}],
  "tool_choice":"required","parallel_tool_calls":false,"user":"u1","metadata":{"x":"y"},"n":1,
  "response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"object"}}}})");

const Json kAnthropic = Json::parse(R"({"model":"m","max_tokens":5,"temperature":0.5,"stop_sequences":["END"],
  "system":[{"type":"text","text":"S1"},{"type":"text","text":"S2"}],"messages":[
  {"role":"user","content":[{"type":"text","text":"look"},
    {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}},
    {"type":"image","source":{"type":"url","url":"https://a/b.png"}}]},
  {"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"f","input":{"a":1}},
    {"type":"tool_use","id":"c2","name":"g","input":{}}]},
  {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":[{"type":"text","text":"r1"}]},
    {"type":"tool_result","tool_use_id":"c2","content":[{"type":"text","text":"r2"}]},
    {"type":"text","text":"go on"}]}],
  "tools":[{"name":"f","description":"d","input_schema":{"type":"object"},"strict":true}],
  "tool_choice":{"type":"any","disable_parallel_tool_use":true},"metadata":{"user_id":"u1"},
  "output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}})");

TEST(Translate, AWholeRequestToAnthropic) {
  EXPECT_EQ(translated(Form::openai_chat, Form::anthropic_messages, kOpenAi), kAnthropic);
}

TEST(Translate, AndBack) {
  const Json back = translated(Form::anthropic_messages, Form::openai_chat, kAnthropic);
  EXPECT_EQ(translated(Form::openai_chat, Form::anthropic_messages, back), kAnthropic);
  EXPECT_EQ(back["messages"][0]["role"], "system");
  EXPECT_EQ(back["messages"][2]["tool_calls"][0]["function"]["arguments"], R"({"a":1})");
  EXPECT_EQ(back["messages"][3], Json::parse(R"({"role":"tool","tool_call_id":"c1","content":"r1"})"));
  EXPECT_EQ(back["tool_choice"], "required");
  EXPECT_EQ(back["parallel_tool_calls"], false);
}

TEST(Translate, ResponsesToBoth) {
  const Json request = Json::parse(R"({"model":"x","instructions":"S","input":[
    {"role":"developer","content":"S2"},{"role":"user","content":[{"type":"input_text","text":"hi"}]},
    {"type":"reasoning","id":"rs","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]},
    {"type":"message","role":"assistant","content":[{"type":"output_text","text":"I call"}]},
    {"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
    {"type":"function_call_output","call_id":"c","output":"r"}],
    "tools":[{"type":"function","name":"f","parameters":{"type":"object"},"strict":false}],
    "max_output_tokens":9,"reasoning":{"effort":"low"},"store":false,"include":["reasoning.encrypted_content"]})");
  const Json openai = translated(Form::openai_responses, Form::openai_chat, request);
  EXPECT_EQ(openai["messages"],
            Json::parse(R"([{"role":"system","content":"S"},{"role":"system","content":"S2"},
    {"role":"user","content":"hi"},{"role":"assistant","content":"I call","reasoning_content":"hm",
     "tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},
    {"role":"tool","tool_call_id":"c","content":"r"}])"));
  EXPECT_EQ(openai["reasoning_effort"], "low");
  EXPECT_EQ(openai["max_tokens"], 9);
  const Json anthropic = translated(Form::openai_responses, Form::anthropic_messages, request);
  EXPECT_EQ(anthropic["messages"].size(), 3u);
  EXPECT_EQ(anthropic["output_config"]["effort"], "low");
}

TEST(Translate, RefusesByNameWhatHasNoCounterpart) {
  const auto openai = [](const char* field, const char* value) {
    Json request = {{"model", "x"}, {"messages", {{{"role", "user"}, {"content", "hi"}}}}};
    request[field] = Json::parse(value);
    return refused(Form::openai_chat, Form::anthropic_messages, request);
  };
  EXPECT_THAT(openai("seed", "7"), HasSubstr("seed: "));
  EXPECT_THAT(openai("n", "2"), HasSubstr("n: "));
  EXPECT_THAT(openai("logit_bias", "{\"1\":2}"), HasSubstr("logit_bias: "));
  EXPECT_THAT(openai("something_new", "1"), HasSubstr("something_new: "));
  EXPECT_THAT(openai("temperature", "1.5"), HasSubstr("temperature: "));
  EXPECT_THAT(openai("temperature", "\"warm\""), HasSubstr("temperature: must be a number"));
  EXPECT_THAT(openai("response_format", R"({"type":"json_object"})"), HasSubstr("response_format: "));
  EXPECT_THAT(openai("tools", R"([{"type":"custom","custom":{}}])"), HasSubstr("tools[0]: "));
  EXPECT_THAT(openai("messages", R"([{"role":"user","content":[{"type":"input_audio"}]}])"),
              HasSubstr("messages[0].content[0]: a part of type \"input_audio\""));
  const auto anthropic = [](const char* part) {
    return refused(Form::anthropic_messages, Form::openai_chat,
                   {{"model", "x"}, {"messages", {{{"role", "user"}, {"content", {Json::parse(part)}}}}}});
  };
  EXPECT_THAT(anthropic(R"({"type":"document","source":{}})"), HasSubstr("messages[0].content[0]: "));
  EXPECT_THAT(anthropic(R"({"type":"tool_result","tool_use_id":"c","content":[{"type":"image","source":
    {"type":"url","url":"u"}}]})"),
              HasSubstr("an image in a tool's result"));
  EXPECT_THAT(
      refused(Form::openai_responses, Form::openai_chat, {{"input", "x"}, {"previous_response_id", "r"}}),
      HasSubstr("previous_response_id: "));
}

TEST(Translate, KeepsInstructionsWhereTheyStand) {
  const Json request = {{"model", "x"},
                        {"max_tokens", 9},
                        {"messages",
                         {{{"role", "user"}, {"content", "a"}},
                          {{"role", "system"}, {"content", "b"}},
                          {{"role", "user"}, {"content", "c"}}}}};
  const auto out = translate_request(Form::openai_chat, Form::anthropic_messages, to_text(request), "m");
  ASSERT_TRUE(out);
  EXPECT_EQ(Json::parse(out->body)["messages"][1]["role"], "system");
  EXPECT_NE(out->beta, "");
  const Json back = translated(Form::anthropic_messages, Form::openai_chat, Json::parse(out->body));
  EXPECT_EQ(back["messages"], request["messages"]);
}

TEST(Translate, FlattensNamespacesAndTellsOfWhatItLeavesOut) {
  const Json request = Json::parse(R"({"model":"x","input":[{"role":"user","content":"hi"},
    {"type":"function_call","call_id":"c","namespace":"agents","name":"stop","arguments":"{}"}],
    "tools":[{"type":"namespace","name":"agents","tools":[{"type":"function","name":"stop"}]},
    {"type":"web_search","external_web_access":false}]})");
  const auto out = translate_request(Form::openai_responses, Form::openai_chat, to_text(request), "m");
  ASSERT_TRUE(out) << out.error().message();
  const Json body = Json::parse(out->body);
  ASSERT_EQ(body["tools"].size(), 1u);
  EXPECT_EQ(body["tools"][0]["function"]["name"], "agents__stop");
  EXPECT_EQ(body["messages"][1]["tool_calls"][0]["function"]["name"], "agents__stop");
  EXPECT_EQ(out->left_out, std::vector<std::string>{"tools[1] (web_search)"});
  const auto reply = translate_reply(Form::openai_chat, Form::openai_responses,
                                     R"({"id":"i","choices":[{"message":{"tool_calls":[{"id":"c","function":
                                        {"name":"agents__stop","arguments":"{}"}}]},"finish_reason":"tool_calls"}]})",
                                     {.model = "m", .namespaces = out->namespaces});
  ASSERT_TRUE(reply);
  const Json item = Json::parse(reply->body)["output"][0];
  EXPECT_EQ(item["namespace"], "agents");
  EXPECT_EQ(item["name"], "stop");
}

// The events of a stream through a pipe.
struct Piped {
  std::string out, last;
  Result<> result;
  Learned learned;
};

Piped pipe(Form from, Form to, std::string_view stream) {
  const auto piped = translate_stream(from, to, {.model = "m", .usage = true});
  Piped all;
  SseCutter cutter;
  EXPECT_TRUE(cutter.feed(stream));
  RawEvent event;
  while (all.result && cutter.next(event)) all.result = piped->take(event, all.out, all.last);
  if (all.result) all.result = piped->end(all.out, all.last);
  all.learned = piped->learned();
  return all;
}

std::vector<Json> data_of(const std::string& stream) {
  std::vector<Json> all;
  SseCutter cutter;
  EXPECT_TRUE(cutter.feed(stream));
  RawEvent event;
  while (cutter.next(event)) {
    if (event.data != "[DONE]") all.push_back(Json::parse(event.data));
  }
  return all;
}

constexpr std::string_view kInterleaved =
    R"(data: {"id":"i","choices":[{"index":0,"delta":{"role":"assistant"}}]}

data: {"id":"i","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}]}}]}

data: {"id":"i","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{\"y\""}}]}}]}

data: {"id":"i","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}},{"index":1,"function":{"arguments":":2}"}}]}}]}

data: {"id":"i","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

data: {"id":"i","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":6}}}

data: [DONE]

)";

TEST(TranslateStream, PutsInterleavedCallsOneAfterTheOther) {
  const Piped piped = pipe(Form::openai_chat, Form::anthropic_messages, kInterleaved);
  ASSERT_TRUE(piped.result);
  std::map<int, std::string> names, arguments;
  int open = -1;
  for (const Json& event : data_of(piped.out)) {
    const std::string type = event["type"];
    if (type == "content_block_start") {
      EXPECT_EQ(open, -1);
      open = event["index"];
      names[open] = event["content_block"]["name"];
    } else if (type == "content_block_delta") {
      EXPECT_EQ(event["index"], open);
      arguments[open] += event["delta"]["partial_json"].get<std::string>();
    } else if (type == "content_block_stop") {
      open = -1;
    } else if (type == "message_delta") {
      EXPECT_EQ(event["delta"]["stop_reason"], "tool_use");
      EXPECT_EQ(event["usage"]["input_tokens"], 4);
      EXPECT_EQ(event["usage"]["cache_read_input_tokens"], 6);
    }
  }
  EXPECT_EQ(names, (std::map<int, std::string>{{0, "f"}, {1, "g"}}));
  EXPECT_EQ(arguments, (std::map<int, std::string>{{0, R"({"x":1})"}, {1, R"({"y":2})"}}));
  EXPECT_EQ(data_of(piped.last).back()["type"], "message_stop");
  EXPECT_EQ(piped.learned.tokens, (ledger::Tokens{.input_uncached = 4, .cache_read = 6, .output = 4}));
}

TEST(TranslateStream, AndSoForResponses) {
  const Piped piped = pipe(Form::openai_chat, Form::openai_responses, kInterleaved);
  ASSERT_TRUE(piped.result);
  const Json response = data_of(piped.last).back()["response"];
  EXPECT_EQ(response["status"], "completed");
  ASSERT_EQ(response["output"].size(), 2u);
  EXPECT_EQ(response["output"][0]["arguments"], R"({"x":1})");
  EXPECT_EQ(response["output"][1]["arguments"], R"({"y":2})");
  EXPECT_EQ(response["output"][1]["call_id"], "b");
  EXPECT_EQ(response["usage"]["input_tokens_details"]["cached_tokens"], 6);
  std::int64_t number = 0;
  for (const Json& event : data_of(piped.out)) EXPECT_EQ(event["sequence_number"], number++);
}

TEST(TranslateStream, KeepsThinkingWithItsSignature) {
  const Piped piped = pipe(Form::anthropic_messages, Form::anthropic_messages, R"(event: message_start
data: {"type":"message_start","message":{"id":"i","usage":{"input_tokens":3,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"sig"}}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"max_tokens"},"usage":{"output_tokens":9}}

event: message_stop
data: {"type":"message_stop"}

)");
  ASSERT_TRUE(piped.result);
  EXPECT_THAT(piped.out, HasSubstr(R"("signature":"sig")"));
  EXPECT_THAT(piped.out, HasSubstr(R"("stop_reason":"max_tokens")"));
  EXPECT_EQ(piped.learned.tokens, (ledger::Tokens{.input_uncached = 3, .output = 9}));
}

TEST(TranslateStream, KnowsAnEndThatCameTooSoonAndAReportedFailure) {
  const std::string_view cut = kInterleaved.substr(
      0, kInterleaved.find("data: {\"id\":\"i\",\"choices\":[{\"index\":0,\"delta\":{},"));
  const Piped piped = pipe(Form::openai_chat, Form::anthropic_messages, cut);
  ASSERT_FALSE(piped.result);
  EXPECT_EQ(piped.result.error().code(), ErrorCode::unavailable);
  EXPECT_TRUE(piped.learned.first_token);
  EXPECT_EQ(piped.last, "");
  const Piped failed =
      pipe(Form::openai_chat, Form::anthropic_messages,
           "data: {\"error\":{\"message\":\"the engine died\",\"type\":\"server_error\"}}\n\n");
  ASSERT_FALSE(failed.result);
  EXPECT_THAT(failed.result.error().message(), HasSubstr("the engine died"));
}

}  // namespace
}  // namespace acloud::model
