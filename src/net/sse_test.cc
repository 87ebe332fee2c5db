#include "net/sse.h"

#include <gtest/gtest.h>

namespace acloud::net {
namespace {

// As "event|data|id", one a line.
std::string show(const std::vector<Event>& events) {
  std::string text;
  for (const Event& event : events) text += fmt::format("{}|{}|{}\n", event.event, event.data, event.id);
  return text;
}

// The same, fed whole and then byte by byte, which must not differ.
std::string parse(std::string_view bytes) {
  SseParser whole;
  std::vector<Event> events;
  EXPECT_TRUE(whole.feed(bytes, events));
  SseParser single;
  std::vector<Event> same;
  for (std::size_t i = 0; i < bytes.size(); ++i) EXPECT_TRUE(single.feed(bytes.substr(i, 1), same));
  EXPECT_EQ(show(events), show(same));
  return show(events);
}

TEST(ToSse, WritesEachLineOfTheData) {
  EXPECT_EQ(to_sse({"", "one", ""}), "data: one\n\n");
  EXPECT_EQ(to_sse({"token", "a\nb\r\nc\rd", "7"}),
            "event: token\nid: 7\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
  EXPECT_EQ(to_sse({"", "", ""}), "data: \n\n");
}

TEST(ToSse, LetsNoNameOrIdSmuggleALine) {
  EXPECT_EQ(to_sse({"a\ndata: forged", "x", "1\r\nevent: forged"}), "event: a\nid: 1\ndata: x\n\n");
}

TEST(SseParser, ReadsBackWhatToSseWrote) {
  const Event event{"token", "first\nsecond\n", "12"};
  EXPECT_EQ(parse(to_sse(event)), "token|first\nsecond\n|12\n");
}

TEST(SseParser, FollowsTheStandardsExamples) {
  EXPECT_EQ(parse("data: YHOO\ndata: +2\ndata: 10\n\n"), "|YHOO\n+2\n10|\n");
  EXPECT_EQ(
      parse(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"),
      "|first event|1\n|second event|\n| third event|\n");
  EXPECT_EQ(parse("data\n\ndata\ndata\n\ndata:"), "||\n|\n|\n");
  EXPECT_EQ(parse("data:test\n\ndata: test\n\n"), "|test|\n|test|\n");
}

TEST(SseParser, TakesEveryLineEndAndSkipsTheByteOrderMark) {
  EXPECT_EQ(parse("\xEF\xBB\xBF"
                  "data: a\r\n\r\ndata: b\r\rdata: c\n\n"),
            "|a|\n|b|\n|c|\n");
}

TEST(SseParser, KeepsTheLastIdAndForgetsNamesWithoutData) {
  EXPECT_EQ(parse("event: x\nid: 5\n\ndata: a\n\n"), "|a|5\n");
}

TEST(SseParser, RefusesAnEventOverItsLimit) {
  SseParser parser(100);
  std::vector<Event> events;
  EXPECT_TRUE(parser.feed("data: " + std::string(80, 'a') + "\n\n", events));
  EXPECT_TRUE(parser.feed("data: " + std::string(80, 'a') + "\n", events));
  EXPECT_EQ(parser.feed("data: " + std::string(80, 'a'), events).error().code(), ErrorCode::too_large);
}

}  // namespace
}  // namespace acloud::net
