#include "cli/trace_page.h"

#include <gtest/gtest.h>

#include <set>

#include "base/encoding.h"

namespace acloud::cli {
namespace {

Trace trace(std::string_view goal) {
  Trace made;
  made.task = {{"id", "task_1"}, {"state", "succeeded"}, {"goal", goal}, {"result", {{"answer", goal}}}};
  made.receipt = {{"calls", 3}, {"cost", "0.01"}};
  return made;
}

// Tags of a page, without what stands in them: "<pre>", "</pre>".
std::multiset<std::string> tags(const std::string& page) {
  std::multiset<std::string> found;
  for (std::size_t at = page.find('<'); at != page.npos; at = page.find('<', at + 1))
    found.insert(page.substr(at, page.find_first_of(" >", at) - at));
  return found;
}

TEST(TracePage, WhatStrangersWroteIsTextAndNeverMarkup) {
  const std::string hostile =
      "</pre></script><script>alert(1)</script><img src=x "
      "onerror=\"alert('1')\">&lt;\x1b[31m\xff\xe2\x80\xae";
  const auto page_with = [](const std::string& text) {
    Trace made = trace(text);
    made.task["id"] = text;
    made.task["error"] = {{"code", text}, {"message", text}};
    made.receipt["cost"] = text;
    made.steps.push_back(
        {.number = 0, .name = text, .from = 0, .to = 5, .ok = false, .given = text, .gave = text});
    made.children.push_back(trace(text));
    return trace_page(made);
  };
  const std::string page = page_with(hostile);
  EXPECT_EQ(tags(page), tags(page_with("plain")));
  EXPECT_EQ(page.find("onerror=\""), page.npos);
  EXPECT_EQ(page.find('\x1b'), page.npos);
  EXPECT_TRUE(is_utf8(page));
  EXPECT_NE(page.find("&lt;script&gt;alert(1)"), page.npos);
  EXPECT_NE(page.find("&amp;lt;"), page.npos);
}

TEST(TracePage, LoadsAndRunsNothing) {
  const std::string page = trace_page(trace("see https://example.com/x.js"));
  EXPECT_NE(page.find("default-src 'none'"), page.npos);
  for (const char* never : {"<script", "<link", "src=", "href=", "url(", "@import"})
    EXPECT_EQ(page.find(never), page.npos) << never;
  EXPECT_NE(page.find("prefers-color-scheme:dark"), page.npos);
}

TEST(TracePage, BarsStandWhereTheirStepsWere) {
  Trace made = trace("goal");
  made.steps.push_back({.number = 0, .name = "a", .from = 1000, .to = 1100});
  Trace child = trace("below");
  child.steps.push_back({.number = 0, .name = "b", .from = 1500, .to = 2000});
  made.children.push_back(child);
  const std::string page = trace_page(made);
  EXPECT_NE(page.find("left:0.000%;width:10.000%"), page.npos) << page;
  EXPECT_NE(page.find("left:50.000%;width:50.000%"), page.npos);
}

TEST(TracePage, ALongTextIsCut) {
  Trace made = trace("goal");
  made.steps.push_back({.number = 0, .name = "a", .gave = std::string(1 << 20, 'x')});
  const std::string page = trace_page(made);
  EXPECT_LT(page.size(), 2 * kTraceText);
  EXPECT_NE(page.find("bytes more"), page.npos);
}

TEST(TracePage, StepsAreReadFromEvents) {
  const auto steps = steps_of(OrderedJson::parse(R"([
    {"type":"RUN_STARTED","timestamp":1},
    {"type":"STEP_STARTED","stepName":"sandbox.create","step":0,"timestamp":15,"took_ms":5},
    {"type":"STEP_FINISHED","stepName":"sandbox.create","ok":false,"error":{"code":"conflict"},"step":0,"timestamp":15},
    {"type":"TOOL_CALL_START","toolCallId":"c","toolCallName":"object_put","step":1,"timestamp":20,"took_ms":2},
    {"type":"TOOL_CALL_ARGS","toolCallId":"c","delta":"{\"key\":1}","step":1,"timestamp":20},
    {"type":"TOOL_CALL_RESULT","toolCallId":"c","operation":"object.put","ok":true,"content":"done","step":2,"timestamp":30},
    7, {"step":"x"}])"));
  ASSERT_EQ(steps.size(), 3);
  EXPECT_EQ(steps[0].name, "sandbox.create");
  EXPECT_FALSE(steps[0].ok);
  EXPECT_EQ(steps[0].from, 10);
  EXPECT_EQ(steps[1].name, "model.chat");
  EXPECT_EQ(steps[2].given, R"({"key":1})");
  EXPECT_EQ(steps[2].gave, "done");
}

}  // namespace
}  // namespace acloud::cli
