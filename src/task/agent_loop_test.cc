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

TEST(AgentLoop, KeepsToTheWindowOfItsModel) {
  AgentLoop loop(plan());
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

}  // namespace
}  // namespace acloud::task
