#include "model/span_content.h"

#include <gtest/gtest.h>

#include "telemetry/span.h"

namespace acloud::model {
namespace {

Json json(const std::string& text) {
  const auto parsed = parse_json(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : Json();
}

constexpr const char* kInput = R"([
  {"role":"user","parts":[{"type":"text","content":"Weather in Paris?"}]},
  {"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"weather","arguments":{"city":"Paris"}}]},
  {"role":"tool","parts":[{"type":"tool_call_response","id":"c1","response":"rainy"}]}])";

TEST(SpanContent, IsTheSameForOneConversationInEveryForm) {
  const std::pair<Form, const char*> requests[] = {
      {Form::openai_chat, R"({"model":"m","messages":[
          {"role":"system","content":"Be short."},{"role":"user","content":"Weather in Paris?"},
          {"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Paris\"}"}}]},
          {"role":"tool","tool_call_id":"c1","content":"rainy"}]})"},
      {Form::anthropic_messages, R"({"model":"m","max_tokens":9,"system":"Be short.","messages":[
          {"role":"user","content":"Weather in Paris?"},
          {"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"weather","input":{"city":"Paris"}}]},
          {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"rainy"}]}]})"},
      {Form::openai_responses, R"({"model":"m","instructions":"Be short.","input":[
          {"role":"user","content":"Weather in Paris?"},
          {"type":"function_call","call_id":"c1","name":"weather","arguments":"{\"city\":\"Paris\"}"},
          {"type":"function_call_output","call_id":"c1","output":"rainy"}]})"}};
  for (const auto& [form, request] : requests) {
    const auto content = content_of_request(form, request);
    ASSERT_TRUE(content) << request;
    EXPECT_EQ(json(content->input), Json::parse(kInput)) << request;
    EXPECT_EQ(json(content->system), Json::parse(R"([{"type":"text","content":"Be short."}])")) << request;
  }
}

TEST(SpanContent, HasNoBytesOfImages) {
  const auto content =
      content_of_request(Form::openai_chat, R"({"model":"m","messages":[{"role":"user","content":[
      {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},
      {"type":"image_url","image_url":{"url":"https://x/y.png"}}]}]})");
  ASSERT_TRUE(content);
  EXPECT_EQ(json(content->input)[0]["parts"], Json::parse(R"([{"type":"image","mime_type":"image/png"},
      {"type":"uri","modality":"image","uri":"https://x/y.png"}])"));
}

TEST(SpanContent, KeepsTheLatestOfALongConversationAndStaysJson) {
  Json messages = Json::array();
  for (int i = 0; i < 200; ++i)
    messages.push_back({{"role", "user"}, {"content", fmt::format("{}", i) + std::string(9000, 'x')}});
  const auto content =
      content_of_request(Form::openai_chat, to_text({{"model", "m"}, {"messages", messages}}));
  ASSERT_TRUE(content);
  EXPECT_LE(content->input.size(), telemetry::Span::kContentBytes);
  const Json told = json(content->input);
  EXPECT_GE(told.size(), 5u);
  EXPECT_TRUE(told.back()["parts"][0]["content"].get<std::string>().starts_with("199x"));
}

TEST(SpanContent, OfWhatCannotBeReadIsNothing) {
  EXPECT_FALSE(content_of_request(Form::openai_chat, "{"));
  EXPECT_FALSE(content_of_request(Form::openai_chat, R"({"messages":7})"));
  EXPECT_FALSE(content_of_request(Form::openai_embeddings, R"({"input":"x"})"));
  EXPECT_FALSE(content_of_reply(Form::openai_chat, "application/json", "not json"));
  EXPECT_FALSE(content_of_reply(Form::anthropic_messages, "application/json", "{}"));
  EXPECT_FALSE(content_of_reply(Form::openai_responses, "text/event-stream", "data: {}\n\n"));
}

TEST(SpanContent, OfRepliesIsTheSameWholeAndStreamedInEveryForm) {
  const Json expected = Json::parse(R"([{"role":"assistant","finish_reason":"stop",
                                         "parts":[{"type":"text","content":"It rains."}]}])");
  const std::tuple<Form, const char*, const char*> replies[] = {
      {Form::openai_chat, "application/json",
       R"({"id":"1","choices":[{"index":0,"message":{"role":"assistant","content":"It rains."},"finish_reason":"stop"}]})"},
      {Form::openai_chat, "text/event-stream",
       "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"It \"}}]}\n\n"
       "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"rains.\"}}]}\n\n"
       "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: "
       "[DONE]\n\n"},
      {Form::anthropic_messages, "application/json",
       R"({"id":"1","type":"message","role":"assistant","content":[{"type":"text","text":"It rains."}],"stop_reason":"end_turn"})"},
      {Form::openai_responses, "application/json",
       R"({"id":"1","status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"It rains."}]}]})"},
      {Form::openai_responses, "text/event-stream",
       "event: response.output_text.delta\ndata: "
       "{\"type\":\"response.output_text.delta\",\"delta\":\"It\"}\n\n"
       "event: response.completed\ndata: "
       "{\"type\":\"response.completed\",\"response\":{\"id\":\"1\",\"status\":\"completed\","
       "\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"It "
       "rains.\"}]}]}}\n\n"}};
  for (const auto& [form, type, reply] : replies) {
    const auto content = content_of_reply(form, type, reply);
    ASSERT_TRUE(content) << reply;
    EXPECT_EQ(json(*content), expected) << reply;
  }
}

TEST(SpanContent, OfAStreamThatWasCutOffIsWhatCame) {
  const auto content = content_of_reply(
      Form::openai_chat, "text/event-stream",
      "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"It \"}}]}\n\n");
  ASSERT_TRUE(content);
  EXPECT_EQ(json(*content)[0]["parts"][0]["content"], "It ");
}

}  // namespace
}  // namespace acloud::model
