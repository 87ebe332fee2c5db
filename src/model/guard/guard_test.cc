#include "model/guard/guard.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace acloud::model::guard {
namespace {

const std::string kCard = "4111 1111 1111 1111";

std::shared_ptr<const GuardTable> table(std::vector<GuardrailConfig> configs) {
  auto made = GuardTable::make(configs);
  EXPECT_TRUE(made) << made.error().message();
  return *made;
}

Guard guard_of(std::vector<DetectConfig> detect) {
  const std::vector<std::string> models{"m"};
  GuardrailConfig config;
  config.name = "g";
  config.detect = std::move(detect);
  return table({config})->of({.workspace = "w", .key = "k"}, models);
}

DetectConfig detect(std::string kind, Action action, std::vector<Side> on = {}) {
  DetectConfig config;
  config.kind = std::move(kind);
  config.action = action;
  config.on = std::move(on);
  return config;
}

TEST(Guard, AppliesByModelWorkspaceAndKey) {
  GuardrailConfig config;
  config.name = "g";
  config.models = {"gpt-*"};
  config.workspaces = {"ws_1"};
  config.keys = {"key_a*"};
  config.allowed_models = {"gpt-4"};
  const auto guards = table({config});
  const auto refuses = [&](std::vector<std::string> models, kernel::Caller caller) {
    return !guards->of(caller, models).admit("gpt-5", 10);
  };
  EXPECT_TRUE(refuses({"gpt-5"}, {.workspace = "ws_1", .key = "key_ab"}));
  EXPECT_TRUE(refuses({"own", "gpt-5"}, {.workspace = "ws_1", .key = "key_ab"}));  // by its fallback
  EXPECT_FALSE(refuses({"own"}, {.workspace = "ws_1", .key = "key_ab"}));
  EXPECT_FALSE(refuses({"gpt-5"}, {.workspace = "ws_2", .key = "key_ab"}));
  EXPECT_FALSE(refuses({"gpt-5"}, {.workspace = "ws_1", .key = "key_b"}));
}

TEST(Guard, LimitsSizesAndModels) {
  GuardrailConfig config;
  config.name = "g";
  config.largest_request = ByteCount{100};
  config.allowed_models = {"a*"};
  const std::vector<std::string> models{"any"};
  const Guard guard = table({config})->of({}, models);
  EXPECT_TRUE(guard.admit("abc", 100));
  EXPECT_EQ(guard.admit("abc", 101).error().code(), ErrorCode::too_large);
  EXPECT_EQ(guard.admit("bc", 1).error().code(), ErrorCode::permission_denied);
  EXPECT_FALSE(guard.watches(Side::request));
}

TEST(Guard, MasksInTextsAndLeavesAllElseAsItIs) {
  const Guard guard = guard_of({detect("payment_card", Action::mask), detect("email", Action::flag)});
  Findings findings;
  const std::string body = R"({ "model": "m",  "messages":[{"role":"user","content":"pay )" + kCard +
                           R"( \u0041da@example.com \"x\""}, {"tool_calls":[{"id":")" + kCard +
                           R"(","function":{"arguments":"{\"n\":\")" + kCard +
                           R"(\"}"}}]}] , "seed":4111111111111111})";
  const auto masked = guard.inspect(body, Side::request, findings);
  ASSERT_TRUE(masked && *masked);
  EXPECT_EQ(
      **masked,
      R"({ "model": "m",  "messages":[{"role":"user","content":"pay [payment_card] Ada@example.com \"x\""}, {"tool_calls":[{"id":")" +
          kCard +
          R"(","function":{"arguments":"{\"n\":\"[payment_card]\"}"}}]}] , "seed":4111111111111111})");
  EXPECT_EQ(findings, (Findings{{"g", "email", Side::request, Action::flag},
                                {"g", "payment_card", Side::request, Action::mask}}));
}

TEST(Guard, LooksAtAllOfAToolsInput) {
  const Guard guard = guard_of({detect("payment_card", Action::mask)});
  Findings findings;
  const auto masked = guard.inspect(
      R"({"content":[{"type":"tool_use","input":{"id":"4111111111111111","4111111111111111":[4111111111111111]}}]})",
      Side::reply, findings);
  ASSERT_TRUE(masked && *masked);
  EXPECT_EQ(
      **masked,
      R"({"content":[{"type":"tool_use","input":{"id":"[payment_card]","[payment_card]":["[payment_card]"]}}]})");
}

TEST(Guard, BlocksAndSaysWhichRuleNotWhatItFound) {
  const Guard guard = guard_of({detect("payment_card", Action::block, {Side::request})});
  Findings findings;
  const auto refused = guard.inspect(R"({"x":"4111111111111111"})", Side::request, findings);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(is_blocked(refused.error()));
  EXPECT_EQ(refused.error().details().at("detector"), "payment_card");
  EXPECT_EQ(refused.error().message().find("4111"), std::string::npos);
  EXPECT_EQ(findings.size(), 1U);
  EXPECT_FALSE(guard.watches(Side::reply));
}

TEST(Guard, WhatNobodyMasksKeepsItsBytes) {
  const Guard guard = guard_of({detect("secrets", Action::mask), detect("personal_data", Action::flag)});
  Findings findings;
  EXPECT_EQ(*guard.inspect(R"({"a" : "nothing here", "b":[1,2.50,null]})", Side::request, findings),
            std::nullopt);
  EXPECT_TRUE(findings.empty());
}

TEST(GuardTable, SaysWhatIsWrongAndWhere) {
  const auto error_of = [](DetectConfig config) {
    GuardrailConfig guardrail;
    guardrail.name = "g";
    guardrail.detect = {detect("email", Action::flag), std::move(config)};
    return check({&guardrail, 1}).error();
  };
  DetectConfig pattern;
  pattern.name = "p";
  pattern.pattern = "EMP-\\d+";
  EXPECT_EQ(error_of(pattern).details().at("field"), "guardrail[0].detect[1]");
  pattern.pattern = "[z-a]";
  EXPECT_NE(error_of(pattern).message().find("pattern"), std::string::npos);
  EXPECT_NE(error_of(detect("card", Action::flag)).message().find("payment_card"), std::string::npos);
  EXPECT_EQ(error_of({}).code(), ErrorCode::invalid_argument);
  pattern.pattern = "x";
  pattern.kind = "email";
  EXPECT_EQ(error_of(pattern).code(), ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace acloud::model::guard
