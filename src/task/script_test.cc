#include "task/script.h"

#include <gtest/gtest.h>

namespace acloud::task {
namespace {

Spec wanted_spec() {
  Spec made{.id = "task_1", .request = {}, .tools = {}};
  made.request.goal = "do it";
  made.request.resources.sandbox = Json::object();
  made.request.resources.queue = "q";
  made.tools.push_back({.name = "object_put",
                        .operation = "object.put",
                        .bound = false,
                        .parameters = OrderedJson::object(),
                        .description = {}});
  made.request.compensation = {
      {.after = "object.*",
       .call = "object.delete",
       .arguments = {{"bucket", "${arguments.bucket}"}, {"key", "${result.keys.0}"}, {"note", "as it is"}}}};
  return made;
}

Outcome usual_reply(const Step& step) {
  if (step.name == "model.list") return {true, R"({"items":[{"name":"m"}]})"};
  if (step.name == "sandbox.create") return {true, R"({"id":"sbx_1"})"};
  return {true, "{}"};
}

// Takes what is to be done, with the usual replies, up to a step of this name; gives it.
Step up_to(Script& script, std::string_view name) {
  for (;;) {
    const std::vector<Step> steps = script.next();
    if (steps.empty()) return {};
    if (steps.front().name == name) return steps.front();
    script.take(steps.front().number, usual_reply(steps.front()));
  }
}

std::vector<std::string> rest_of(Script& script) {
  std::vector<std::string> names;
  for (std::vector<Step> steps = script.next(); !steps.empty(); steps = script.next()) {
    names.push_back(steps.front().name);
    script.take(steps.front().number, usual_reply(steps.front()));
  }
  return names;
}

Outcome exhausted() {
  return failure(Error(ErrorCode::unavailable, "full").with_retry_after(std::chrono::seconds(1)));
}

Outcome asks_for_put(std::string_view key) {
  const OrderedJson arguments = {{"bucket", "b"}, {"key", key}};
  return {true,
          OrderedJson{{"choices",
                       {{{"message",
                          {{"content", nullptr},
                           {"tool_calls",
                            {{{"id", "c"},
                              {"function", {{"name", "object_put"}, {"arguments", arguments.dump()}}}}}}}}}}}}
              .dump()};
}

TEST(Script, WhatCanNotBeHadJustNowIsWaitedForWithNothingInHand) {
  Script script(wanted_spec());
  for (int round = 0; round < 6; ++round) {
    const Step create = up_to(script, "queue.create");
    EXPECT_FALSE(script.can_be_interrupted());
    ASSERT_TRUE(script.take(create.number, exhausted()));
    ASSERT_EQ(script.next().front().name, "sandbox.kill");
    script.take(script.next().front().number, {true, "{}"});
    const Step sleep = script.next().front();
    ASSERT_EQ(sleep.kind, StepKind::sleep);
    EXPECT_EQ(sleep.name, kRoomStep);
    EXPECT_EQ(parse_json(sleep.input).value()["seconds"], std::min(1 << round, 16));
    EXPECT_TRUE(script.can_be_interrupted());
    script.take(sleep.number, {true, sleep.input});
    ASSERT_EQ(script.next().front().name, "model.list");
  }
  EXPECT_EQ(up_to(script, "model.chat").kind, StepKind::chat);
}

TEST(Script, OneThatWaitsForResourcesCanBeStopped) {
  Script script(wanted_spec());
  script.take(up_to(script, "sandbox.create").number, exhausted());
  ASSERT_EQ(script.next().front().name, kRoomStep);
  script.interrupt("cancelled");
  EXPECT_TRUE(rest_of(script).empty());
  EXPECT_EQ(script.ending().state, State::cancelled);
}

TEST(Script, WhatWillNotPassIsAFailureAtOnce) {
  Script script(wanted_spec());
  script.take(up_to(script, "queue.create").number, failure("unavailable", "this server can't"));
  EXPECT_EQ(rest_of(script), std::vector<std::string>{"sandbox.kill"});
  EXPECT_EQ(script.ending().error->code, "unavailable");
}

TEST(Script, WhatWasDoneIsUndoneInReverseWhereTheTaskFails) {
  Script script(wanted_spec());
  for (const char* key : {"first", "second", "third"}) {
    script.take(up_to(script, "model.chat").number, asks_for_put(key));
    const Step put = script.next().front();
    ASSERT_EQ(put.name, "object.put");
    // The third was not done.
    script.take(put.number, std::string_view(key) == "third"
                                ? failure("invalid_argument", "no")
                                : Outcome{true, OrderedJson{{"keys", {std::string("of ") + key}}}.dump()});
  }
  script.next();
  script.interrupt("cancelled");
  std::vector<std::string> undone;
  while (script.next().front().ref == kUndoMark) {
    const Step step = script.next().front();
    EXPECT_TRUE(step.as_owner);
    EXPECT_FALSE(step.cut);
    const Json arguments = parse_json(step.input).value();
    EXPECT_EQ(arguments["bucket"], "b");
    EXPECT_EQ(arguments["note"], "as it is");
    undone.push_back(step.name + " " + arguments["key"].get<std::string>());
    script.take(step.number, undone.size() == 1 ? failure("conflict", "no") : Outcome{true, "{}"});
  }
  EXPECT_EQ(undone, (std::vector<std::string>{"object.delete of second", "object.delete of first"}));
  EXPECT_EQ(rest_of(script), (std::vector<std::string>{"queue.delete", "sandbox.kill"}));
  EXPECT_EQ(script.ending().state, State::cancelled);
  ASSERT_EQ(script.ending().result["not_undone"].size(), 1);
  EXPECT_EQ(script.ending().result["not_undone"][0]["arguments"]["key"], "of second");
}

Entry done(std::string name, bool as_owner, Outcome outcome, std::string input = "{}") {
  return {.step = {.number = 7,
                   .kind = StepKind::call,
                   .name = std::move(name),
                   .input = std::move(input),
                   .ref = {},
                   .as_owner = as_owner},
          .outcome = std::move(outcome),
          .began = {}};
}

TEST(Script, WhatAnotherVersionMadeIsRemovedAndWhatItDidIsUndone) {
  Script script(wanted_spec());
  up_to(script, "queue.create");
  const std::vector<Entry> rest{
      done("queue.create", true, {true, "{}"}),
      done("object.put", false, {true, R"({"keys":["k"]})"}, R"({"bucket":"b","key":"k"})"),
      done("object.put", false, failure("conflict", "no")),
  };
  script.outgrow(rest, 20);
  EXPECT_EQ(script.next_number(), 21);
  EXPECT_EQ(rest_of(script), (std::vector<std::string>{"object.delete", "queue.delete", "sandbox.kill"}));
  EXPECT_EQ(script.ending().state, State::failed);
  EXPECT_EQ(script.ending().error->code, "precondition_failed");
  EXPECT_NE(script.ending().error->message.find("step 7, queue.create,"), std::string::npos)
      << script.ending().error->message;
}

TEST(Script, WhatAnotherVersionHasRemovedIsNotRemovedAgain) {
  Script script(wanted_spec());
  up_to(script, "queue.create");
  script.outgrow(std::vector{done("sandbox.kill", true, {true, "{}"})}, 8);
  EXPECT_TRUE(rest_of(script).empty());
}

TEST(Script, WhatAnotherVersionHasUndoneIsNotUndoneAgain) {
  Script script(wanted_spec());
  std::vector<Step> undo;
  for (const char* key : {"first", "second"}) {
    script.take(up_to(script, "model.chat").number, asks_for_put(key));
    script.take(script.next().front().number, {true, OrderedJson{{"keys", {key}}}.dump()});
  }
  script.next();
  script.interrupt("cancelled");
  undo.push_back(script.next().front());
  // The other one undid the newest, and then did what this one does not.
  ASSERT_TRUE(script.take(undo.front().number, {true, "{}"}));
  script.outgrow(std::vector{done("key.list", true, {true, "{}"})}, 40);
  std::vector<std::string> left;
  while (script.next().front().ref == kUndoMark) {
    left.push_back(script.next().front().input);
    script.take(script.next().front().number, {true, "{}"});
  }
  ASSERT_EQ(left.size(), 1);
  EXPECT_NE(left.front(), undo.front().input);
  EXPECT_EQ(rest_of(script), (std::vector<std::string>{"queue.delete", "sandbox.kill"}));
  // It was cancelled, and that stands.
  EXPECT_EQ(script.ending().state, State::cancelled);
}

TEST(Script, NothingIsUndoneOfATaskThatSucceeds) {
  Script script(wanted_spec());
  script.take(up_to(script, "model.chat").number, asks_for_put("first"));
  script.take(script.next().front().number, {true, R"({"keys":["k"]})"});
  script.take(script.next().front().number, {true, R"({"choices":[{"message":{"content":"done"}}]})"});
  EXPECT_EQ(rest_of(script), (std::vector<std::string>{"queue.delete", "sandbox.kill"}));
}

}  // namespace
}  // namespace acloud::task
