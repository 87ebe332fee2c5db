#include "model/sse_cutter.h"

#include <gtest/gtest.h>

namespace acloud::model {
namespace {

struct Seen {
  std::string raw, name, data;
  friend bool operator==(const Seen&, const Seen&) = default;
};

std::vector<Seen> cut(std::string_view text, std::size_t step) {
  SseCutter cutter;
  std::vector<Seen> seen;
  for (std::size_t at = 0; at < text.size(); at += step) {
    EXPECT_TRUE(cutter.feed(text.substr(at, step)));
    RawEvent event;
    while (cutter.next(event))
      seen.push_back({std::string(event.raw), std::string(event.name), std::string(event.data)});
  }
  return seen;
}

TEST(SseCutter, KeepsTheBytesHoweverTheyAreCut) {
  const std::string text =
      "data: {\"a\":1}\n\n: ping\n\nevent: x\r\ndata:y\r\nid: 7\r\n\r\ndata: one\ndata:  two\nevent: "
      "z\n\ndata: cut off";
  const std::vector<Seen> wanted = {{"data: {\"a\":1}\n\n", "", "{\"a\":1}"},
                                    {": ping\n\n", "", ""},
                                    {"event: x\r\ndata:y\r\nid: 7\r\n\r\n", "x", "y"},
                                    {"data: one\ndata:  two\nevent: z\n\n", "z", "one\n two"}};
  for (std::size_t step = 1; step <= text.size(); ++step) EXPECT_EQ(cut(text, step), wanted) << step;
}

TEST(SseCutter, HasALimit) {
  SseCutter cutter(100);
  EXPECT_TRUE(cutter.feed(std::string(60, 'x')));
  EXPECT_FALSE(cutter.feed(std::string(60, 'x')));
}

}  // namespace
}  // namespace acloud::model
