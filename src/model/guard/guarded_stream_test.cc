#include "model/guard/guarded_stream.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace acloud::model::guard {
namespace {

Guard guard_of(Action action) {
  GuardrailConfig config;
  config.name = "g";
  DetectConfig secrets;
  secrets.kind = "secrets";
  secrets.action = action;
  config.detect = {secrets};
  const std::vector<std::string> models{"m"};
  return (*GuardTable::make({&config, 1}))->of({}, models);
}

const std::string kKey = "sk-abcdefghij0123456789";

// A stream of one dialect: how it says a piece of text, what ends it, and where its text stands.
struct Dialect {
  Form form;
  std::string (*delta)(std::string_view piece);
  std::string end;
  std::vector<const char*> where;
};

std::string quoted(std::string_view text) {
  std::string json;
  append_json_string(json, text);
  return json;
}

const Dialect kDialects[] = {
    {Form::openai_chat,
     [](std::string_view piece) {
       return "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":" + quoted(piece) +
              "}}]}\n\n";
     },
     "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
     {"/choices/0/delta/content"}},
    {Form::openai_chat,
     [](std::string_view piece) {
       return "data: "
              "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"function\":{"
              "\"arguments\":" +
              quoted(piece) + "}}]}}]}\n\n";
     },
     "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n",
     {"/choices/0/delta/tool_calls/0/function/arguments"}},
    {Form::anthropic_messages,
     [](std::string_view piece) {
       return "event: content_block_delta\ndata: "
              "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
              "\"text_delta\",\"text\":" +
              quoted(piece) + "}}\n\n";
     },
     "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: "
     "message_stop\ndata: "
     "{\"type\":\"message_stop\"}\n\n",
     {"/delta/text"}},
    {Form::anthropic_messages,
     [](std::string_view piece) {
       return "event: content_block_delta\ndata: "
              "{\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":"
              "\"input_json_delta\",\"partial_json\":" +
              quoted(piece) + "}}\n\n";
     },
     "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":2}\n\nevent: "
     "message_stop\ndata: "
     "{\"type\":\"message_stop\"}\n\n",
     {"/delta/partial_json"}},
    {Form::openai_responses,
     [](std::string_view piece) {
       return "event: response.output_text.delta\ndata: "
              "{\"type\":\"response.output_text.delta\",\"output_index\":0,"
              "\"content_index\":0,\"delta\":" +
              quoted(piece) + "}\n\n";
     },
     "event: response.completed\ndata: "
     "{\"type\":\"response.completed\",\"response\":{\"output\":[{\"content\":[{"
     "\"text\":\"see sk-abcdefghij0123456789 here\"}]}]}}\n\n",
     {"/delta"}},
};

struct Got {
  std::string out;
  Result<> result;
  Findings findings;
};

Got run(const Dialect& dialect, Action action, const std::string& stream) {
  Got got;
  const Guard guard = guard_of(action);
  const auto pipe = guarded(pass_stream(dialect.form, true), dialect.form, guard, got.findings);
  SseCutter cutter;
  std::string last;
  EXPECT_TRUE(cutter.feed(stream));
  RawEvent event;
  while (got.result && cutter.next(event)) got.result = pipe->take(event, got.out, last);
  if (got.result) got.result = pipe->end(got.out, last);
  got.out += last;
  return got;
}

std::string text_of(const Dialect& dialect, const std::string& bytes) {
  SseCutter cutter;
  EXPECT_TRUE(cutter.feed(bytes));
  std::string text;
  RawEvent event;
  while (cutter.next(event)) {
    if (event.data.empty() || event.data == "[DONE]") continue;
    const Json json = *parse_json(event.data);
    for (const char* where : dialect.where) {
      const Json::json_pointer at(where);
      if (json.contains(at)) text += json.at(at).get<std::string>();
    }
  }
  return text;
}

TEST(GuardedStream, MasksASecretCutAnywhere) {
  const std::string text = "see " + kKey + " here";
  for (const Dialect& dialect : kDialects) {
    for (std::size_t one = 0; one <= text.size(); ++one) {
      for (const std::size_t two : {one, std::min(one + 3, text.size()), text.size()}) {
        const std::string stream = dialect.delta(text.substr(0, one)) +
                                   dialect.delta(text.substr(one, two - one)) +
                                   dialect.delta(text.substr(two)) + dialect.end;
        const Got got = run(dialect, Action::mask, stream);
        ASSERT_TRUE(got.result) << got.result.error().message();
        ASSERT_EQ(text_of(dialect, got.out), "see [api_key] here") << one << " " << two << "\n" << got.out;
        ASSERT_EQ(got.out.find("abcdefghij"), std::string::npos);
        ASSERT_EQ(got.findings.size(), 1U);
      }
    }
  }
}

TEST(GuardedStream, BlocksASecretCutAnywhereBeforeAnyOfItIsSent) {
  const std::string text = "see " + kKey + " here";
  for (const Dialect& dialect : kDialects) {
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
      const Got got = run(dialect, Action::block,
                          dialect.delta(text.substr(0, cut)) + dialect.delta(text.substr(cut)) + dialect.end);
      ASSERT_FALSE(got.result);
      ASSERT_TRUE(is_blocked(got.result.error()));
      ASSERT_EQ(got.out.find("sk-a"), std::string::npos) << got.out;
    }
  }
}

TEST(GuardedStream, BytesStayWhereNothingIsMasked) {
  for (const Dialect& dialect : kDialects) {
    const std::string stream = ": ping\n\n" + dialect.delta("a task-") + dialect.delta("force; sk-") +
                               dialect.delta("short") + dialect.delta("\u00e9");
    const std::string end =
        dialect.end.substr(0, dialect.form == Form::openai_responses ? 0 : dialect.end.size());
    const Got got = run(dialect, Action::mask, stream + end);
    EXPECT_EQ(got.out, stream + end);
    if (!end.empty()) EXPECT_TRUE(got.result);
    EXPECT_TRUE(got.findings.empty());
  }
}

TEST(GuardedStream, FlagsHoldNothingBack) {
  const Dialect& dialect = kDialects[0];
  const Guard guard = guard_of(Action::flag);
  Findings findings;
  const auto pipe = guarded(pass_stream(dialect.form, true), dialect.form, guard, findings);
  for (const char c : kKey + " ") {
    const std::string raw = dialect.delta(std::string_view(&c, 1));
    SseCutter cutter;
    ASSERT_TRUE(cutter.feed(raw));
    RawEvent event;
    ASSERT_TRUE(cutter.next(event));
    std::string out;
    std::string last;
    ASSERT_TRUE(pipe->take(event, out, last));
    EXPECT_EQ(out, raw);
  }
  EXPECT_EQ(findings.size(), 1U);
}

TEST(GuardedStream, WhatDoesNotLookLikeASecretIsNotHeld) {
  const Dialect& dialect = kDialects[0];
  const Guard guard = guard_of(Action::mask);
  Findings findings;
  const auto pipe = guarded(pass_stream(dialect.form, true), dialect.form, guard, findings);
  for (const char* word : {"The", " quick", " brown", " fox"}) {
    const std::string raw = dialect.delta(word);
    SseCutter cutter;
    ASSERT_TRUE(cutter.feed(raw));
    RawEvent event;
    ASSERT_TRUE(cutter.next(event));
    std::string out;
    std::string last;
    ASSERT_TRUE(pipe->take(event, out, last));
    EXPECT_EQ(out, raw) << word;
  }
}

}  // namespace
}  // namespace acloud::model::guard
