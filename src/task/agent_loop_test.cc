#include "task/agent_loop.h"

#include <gtest/gtest.h>

namespace acloud::task {
namespace {

Tool exec_tool() {
  return {.name = "sandbox_exec",
          .operation = "sandbox.exec",
          .bound = true,
          .parameters =
              OrderedJson::parse(R"({"type":"object","properties":{"command":{}},"required":["command"]})")};
}

AgentLoop::Plan plan() {
  return {.goal = "do it",
          .agent = {},
          .model = "m",
          .context_tokens = 4096,
          .tools = {exec_tool()},
          .sandbox = "sbx_1",
          .session = "task_1"};
}

Outcome says(const std::string& text) {
  return {true,
          OrderedJson{{"choices", {{{"message", {{"content", text}}}}}}, {"usage", {{"prompt_tokens", 100}}}}
              .dump()};
}

Outcome calls(const std::vector<std::pair<std::string, std::string>>& made) {
  OrderedJson list = OrderedJson::array();
  for (const auto& [name, arguments] : made) {
    list.push_back({{"id", "c" + std::to_string(list.size())},
                    {"function", {{"name", name}, {"arguments", arguments}}}});
  }
  return {true,
          OrderedJson{{"choices", {{{"message", {{"content", nullptr}, {"tool_calls", list}}}}}}}.dump()};
}

// The conversation that the model is sent next.
OrderedJson asked(AgentLoop& loop) {
  const auto steps = loop.next();
  EXPECT_EQ(steps.size(), 1);
  EXPECT_EQ(steps.front().kind, StepKind::chat);
  return OrderedJson::parse(steps.front().input);
}

TEST(AgentLoop, AnswersWhatTheModelSays) {
  AgentLoop loop(plan());
  const OrderedJson body = asked(loop);
  EXPECT_EQ(body["messages"][1], (OrderedJson{{"role", "user"}, {"content", "do it"}}));
  EXPECT_EQ(body["tools"][0]["function"]["name"], "sandbox_exec");
  loop.take(0, says("it is done"));
  ASSERT_TRUE(loop.ending());
  EXPECT_EQ(loop.ending()->result["answer"], "it is done");
}

TEST(AgentLoop, DoesCallsSideBySideAndGivesTheirResultsInOrder) {
  AgentLoop loop(plan());
  asked(loop);
  loop.take(0, calls({{"sandbox_exec", R"({"command":"a"})"},
                      {"sandbox_exec", R"({"command":"b","id":"sbx_other"})"}}));
  const auto steps = loop.next();
  ASSERT_EQ(steps.size(), 2);
  EXPECT_EQ(parse_json(steps[1].input).value(), (Json{{"command", "b"}, {"id", "sbx_1"}}));
  loop.take(1, {true, R"({"stdout":"2"})"});
  loop.take(0, failure("unavailable", "no"));
  const OrderedJson messages = asked(loop)["messages"];
  ASSERT_EQ(messages.size(), 5);
  EXPECT_EQ(messages[3]["content"], R"({"error":{"code":"unavailable","message":"no"}})");
  EXPECT_EQ(messages[4]["content"], R"({"stdout":"2"})");
  EXPECT_EQ(messages[4]["tool_call_id"], "c1");
}

TEST(AgentLoop, TellsWhatIsWrongWithACall) {
  AgentLoop loop(plan());
  asked(loop);
  loop.take(0, calls({{"nothing", "{}"}, {"sandbox_exec", "{"}, {"sandbox_exec", "[]"}}));
  const OrderedJson messages = asked(loop)["messages"];
  ASSERT_EQ(messages.size(), 6);
  EXPECT_EQ(OrderedJson::parse(messages[3]["content"].get<std::string>())["error"]["code"], "not_found");
  EXPECT_EQ(OrderedJson::parse(messages[4]["content"].get<std::string>())["error"]["code"],
            "invalid_argument");
  EXPECT_EQ(OrderedJson::parse(messages[5]["content"].get<std::string>())["error"]["code"],
            "invalid_argument");
}

TEST(AgentLoop, EndsAtItsLimits) {
  auto limited = plan();
  limited.agent.limits.turns = 2;
  AgentLoop loop(limited);
  for (int turn = 0; turn < 2; ++turn) {
    asked(loop);
    loop.take(0, calls({{"nothing", std::to_string(turn)}}));
  }
  ASSERT_TRUE(loop.ending());
  EXPECT_EQ(loop.ending()->error->code, "limit");
}

TEST(AgentLoop, WarnsOfARepetitionThenEndsIt) {
  AgentLoop loop(plan());
  int rounds = 0;
  std::string told;
  while (!loop.ending() && ++rounds < 50) {
    const OrderedJson messages = asked(loop)["messages"];
    told += messages.back()["content"].get<std::string>();
    loop.take(0, calls({{"sandbox_exec", R"({"command":"a"})"}}));
    ASSERT_EQ(loop.next().size(), 1);
    loop.take(0, {true, R"({"stdout":""})"});
  }
  EXPECT_EQ(rounds, 6);
  EXPECT_EQ(loop.ending()->error->code, "loop");
  EXPECT_NE(told.find("do something else"), std::string::npos);
}

TEST(AgentLoop, KeepsToTheWindowOfItsModelWithoutSummaries) {
  auto condensing = plan();
  condensing.agent.context = OldResults::condense;
  AgentLoop loop(condensing);
  for (int turn = 0; turn < 20; ++turn) {
    const OrderedJson body = asked(loop);
    ASSERT_LT(body["messages"].dump().size(), 4096 * 3) << "turn " << turn;
    EXPECT_EQ(body["messages"][1]["content"], "do it");
    loop.take(0, calls({{"sandbox_exec", fmt::format(R"({{"command":"{}"}})", turn)}}));
    ASSERT_EQ(loop.next().size(), 1);
    loop.take(0, {true, OrderedJson{{"stdout", std::string(100'000, 'x')}}.dump()});
    ASSERT_FALSE(loop.ending());
  }
}

// A round of a tool whose reply is large.
void after_a_large_reply(AgentLoop& loop, const std::string& mark) {
  loop.take(0, calls({{"sandbox_exec", fmt::format(R"({{"command":"{}"}})", mark)}}));
  EXPECT_EQ(loop.next().size(), 1);
  loop.take(0, {true, OrderedJson{{"stdout", mark + std::string(2'300, 'x') + mark}}.dump()});
}

TEST(AgentLoop, OldResultsAreSummarisedWhenTheWindowIsFull) {
  AgentLoop loop(plan());
  std::string step;
  for (int turn = 0; step != kSummaryStep; ++turn) {
    ASSERT_LT(turn, 10) << "the window never filled up";
    const auto steps = loop.next();
    step = steps.front().name;
    if (step != kSummaryStep) {
      after_a_large_reply(loop, fmt::format("mark{}", turn));
      continue;
    }
    const OrderedJson body = OrderedJson::parse(steps.front().input);
    const std::string asked_of = body["messages"][1]["content"];
    EXPECT_NE(asked_of.find("do it"), asked_of.npos) << "the goal";
    EXPECT_NE(asked_of.find("mark0"), asked_of.npos);
    EXPECT_EQ(asked_of.find(fmt::format("mark{}", turn - 1)), asked_of.npos) << "the last round is kept";
    EXPECT_EQ(body["model"], "m");
    EXPECT_FALSE(body.contains("tools"));
    loop.take(0, says("the marks were fine"));
  }
  const OrderedJson messages = asked(loop)["messages"];
  EXPECT_LT(messages.dump().size(), 4096 * 3);
  const std::string first = messages[3]["content"];
  EXPECT_EQ(OrderedJson::parse(first)["summary"], "the marks were fine");
  EXPECT_NE(messages.back()["content"].get<std::string>().find("xxx"), std::string::npos);
}

TEST(AgentLoop, ASummaryThatFailsIsDoneWithout) {
  for (const Outcome& outcome : {failure("unavailable", "no"), says(""), says(std::string(9000, 'y')),
                                 Outcome{true, "[]"}, calls({{"sandbox_exec", "{}"}})}) {
    AgentLoop loop(plan());
    for (int turn = 0;; ++turn) {
      ASSERT_LT(turn, 10);
      if (loop.next().front().name == kSummaryStep) break;
      after_a_large_reply(loop, fmt::format("mark{}", turn));
    }
    loop.take(0, outcome);
    ASSERT_FALSE(loop.ending());
    const OrderedJson messages = asked(loop)["messages"];
    EXPECT_LT(messages.dump().size(), 4096 * 3);
    const std::string first = messages[3]["content"];
    EXPECT_NE(first.find("mark0"), first.npos) << first;
    EXPECT_NE(first.find("bytes left out"), first.npos) << first;
  }
}

TEST(AgentLoop, AnAnswerThatIsNotOfItsFormIsToldWhatIsWrong) {
  auto formed = plan();
  formed.tools.clear();
  formed.agent.output_schema =
      parse_json(R"({"type":"object","required":["mean"],"properties":{"mean":{"type":"number"}}})").value();
  formed.agent.limits.turns = 4;
  AgentLoop loop(formed);
  asked(loop);
  loop.take(0, says(R"({"mean":"7"})"));
  const std::string told = asked(loop)["messages"].back()["content"];
  EXPECT_NE(told.find(R"(mean: must be "number", not "7")"), told.npos) << told;
  loop.take(0, says(R"({"mean":7.0})"));
  ASSERT_TRUE(loop.ending());
  EXPECT_EQ(loop.ending()->result["answer"]["mean"], 7.0);

  AgentLoop stubborn(formed);
  int turns = 0;
  for (; !stubborn.ending() && turns < 20; ++turns) {
    asked(stubborn);
    stubborn.take(0, says("{}"));
  }
  EXPECT_EQ(turns, 4);
  EXPECT_EQ(stubborn.ending()->error->code, "invalid_argument");
  EXPECT_NE(stubborn.ending()->error->message.find("mean: is missing"), std::string::npos);
}

TEST(AgentLoop, PutsTheAnswerIntoItsForm) {
  auto formed = plan();
  formed.agent.output_schema = Json{{"type", "object"}};
  AgentLoop loop(formed);
  EXPECT_FALSE(asked(loop).contains("response_format"));
  loop.take(0, says("the answer is 7"));
  EXPECT_EQ(asked(loop)["response_format"]["json_schema"]["schema"]["type"], "object");
  loop.take(0, says("seven"));
  asked(loop);
  loop.take(0, says(R"({"answer":7})"));
  ASSERT_TRUE(loop.ending());
  EXPECT_EQ(loop.ending()->result["answer"]["answer"], 7);
}

TEST(AgentLoop, TakesNonsenseOfAModelForAFailure) {
  for (const char* reply : {"", "[]", "{}", R"({"choices":[]})", R"({"choices":[7]})",
                            R"({"choices":[{"message":7}]})", R"({"usage":7,"choices":{}})", "{\"a\":"}) {
    AgentLoop loop(plan());
    asked(loop);
    loop.take(0, {true, reply});
    ASSERT_TRUE(loop.ending()) << reply;
    EXPECT_EQ(loop.ending()->state, State::failed);
  }
}

TEST(AgentLoop, AUsageThatMakesNoSenseCountsNothing) {
  for (const char* tokens : {R"("many")", "-5", "1e300", "18446744073709551615", "null", "[]", "{}"}) {
    AgentLoop loop(plan());
    loop.next();
    loop.take(0, {true, fmt::format(R"({{"choices":[{{"message":{{"content":"done"}}}}],"usage":)"
                                    R"({{"prompt_tokens":{0},"completion_tokens":{0}}}}})",
                                    tokens)});
    ASSERT_TRUE(loop.ending()) << tokens;
    EXPECT_EQ(loop.ending()->state, State::succeeded);
  }
}

AgentLoop::Plan careful_plan() {
  AgentLoop::Plan made = plan();
  made.agent.approvals = {"sandbox.*"};
  made.agent.approval_timeout = std::chrono::seconds(60);
  made.tools.push_back({.name = "object_get", .operation = "object.get", .bound = false, .parameters = {}});
  made.tools.push_back({.name = "key_create", .operation = "key.create", .bound = false, .parameters = {}});
  return made;
}

TEST(AgentLoop, WaitsForApprovalBeforeACallThatNeedsIt) {
  AgentLoop loop(careful_plan());
  asked(loop);
  loop.take(0, calls({{"sandbox_exec", R"({"command":"a"})"}, {"object_get", R"({"bucket":"b"})"}}));
  auto steps = loop.next();
  ASSERT_EQ(steps.size(), 2);
  EXPECT_EQ(steps[0].kind, StepKind::approval);
  EXPECT_EQ(steps[0].name, "sandbox.exec");
  EXPECT_EQ(parse_json(steps[0].input).value(),
            (Json{{"arguments", {{"command", "a"}, {"id", "sbx_1"}}}, {"timeout_s", 60}}));
  EXPECT_EQ(steps[1].kind, StepKind::call);
  loop.take(1, {true, R"({"content":"x"})"});
  loop.take(0, {true, R"({"value":{"approve":true,"reason":"","by":"root"}})"});
  steps = loop.next();
  ASSERT_EQ(steps.size(), 1);
  EXPECT_EQ(steps[0].kind, StepKind::call);
  EXPECT_EQ(parse_json(steps[0].input).value(), (Json{{"command", "a"}, {"id", "sbx_1"}}));
  loop.take(0, {true, R"({"stdout":"1"})"});
  const OrderedJson messages = asked(loop)["messages"];
  EXPECT_EQ(messages[3]["content"], R"({"stdout":"1"})");
  EXPECT_EQ(messages[4]["content"], R"({"content":"x"})");
}

TEST(AgentLoop, TellsTheModelWhyACallWasNotApproved) {
  for (const char* outcome : {R"({"value":{"approve":false,"reason":"not on a Friday"}})",
                              R"({"value":{"approve":"true"}})", R"({"value":true})", R"([])"}) {
    AgentLoop loop(careful_plan());
    asked(loop);
    loop.take(0, calls({{"sandbox_exec", R"({"command":"a"})"}}));
    ASSERT_EQ(loop.next().size(), 1);
    loop.take(0, {true, outcome});
    const std::string told = asked(loop)["messages"].back()["content"];
    EXPECT_NE(told.find("permission_denied"), told.npos) << outcome;
    EXPECT_EQ(told.find("Friday") != told.npos, std::string_view(outcome).contains("Friday")) << told;
  }
  AgentLoop loop(careful_plan());
  asked(loop);
  loop.take(0, calls({{"sandbox_exec", R"({"command":"a"})"}}));
  loop.next();
  loop.take(0, failure("deadline_exceeded", "nobody approved this call within 60 s"));
  const std::string told = asked(loop)["messages"].back()["content"];
  EXPECT_NE(told.find("nobody approved"), told.npos) << told;
}

TEST(AgentLoop, WhatHandsRightsOnNeedsApprovalToo) {
  AgentLoop loop(careful_plan());
  asked(loop);
  loop.take(0, calls({{"key_create", R"({"name":"k"})"}}));
  const auto steps = loop.next();
  ASSERT_EQ(steps.size(), 1);
  EXPECT_EQ(steps[0].kind, StepKind::approval);
}

}  // namespace
}  // namespace acloud::task
