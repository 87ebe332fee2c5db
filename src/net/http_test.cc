#include "net/http.h"

#include <gtest/gtest.h>

#include "async/event_loop.h"

namespace acloud::net {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

TEST(Headers, CompareNamesWithoutRegardToCase) {
  Headers headers{{"Content-Type", "text/plain"}, {"X-Twice", "1"}, {"x-twice", "2"}};
  EXPECT_EQ(headers.get("content-type"), "text/plain");
  EXPECT_EQ(headers.value("X-TWICE"), "1");
  EXPECT_EQ(headers.get("content"), std::nullopt);
  EXPECT_EQ(headers.value("content"), "");
  headers.set("x-Twice", "3");
  EXPECT_EQ(headers.size(), 2u);
  EXPECT_EQ(headers.value("x-twice"), "3");
  headers.remove("CONTENT-TYPE");
  EXPECT_EQ(headers.size(), 1u);
}

TEST(Headers, FindTokensInListsAndInRepeatedFields) {
  const Headers headers{{"connection", "keep-alive ,\tUpgrade"}, {"Connection", "close"}, {"vary", ""}};
  EXPECT_TRUE(headers.has_token("connection", "upgrade"));
  EXPECT_TRUE(headers.has_token("connection", "close"));
  EXPECT_FALSE(headers.has_token("connection", "clos"));
  EXPECT_FALSE(headers.has_token("vary", "x"));
}

TEST(Request, PartsOfTheTarget) {
  Request request;
  request.target = "/a/b?c=d?e";
  EXPECT_EQ(request.path(), "/a/b");
  EXPECT_EQ(request.query(), "c=d?e");
  request.target = "/a";
  EXPECT_EQ(request.path(), "/a");
  EXPECT_EQ(request.query(), "");
}

TEST(ParseQuery, DecodesPairsInTheirOrder) {
  EXPECT_EQ(parse_query("a=1&b=x+y%20z&&c&=d&a=2=3"),
            (Pairs{{"a", "1"}, {"b", "x y z"}, {"c", ""}, {"", "d"}, {"a", "2=3"}}));
  EXPECT_EQ(parse_query(""), Pairs());
  EXPECT_EQ(parse_query("a=%zz").error().code(), ErrorCode::invalid_argument);
  EXPECT_EQ(parse_query("a=%2").error().code(), ErrorCode::invalid_argument);
}

// Gives the pieces one by one.
class Pieces final : public Stream {
 public:
  explicit Pieces(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {}
  Task<Result<std::string>> read() override {
    if (next_ == pieces_.size()) co_return std::string();
    co_return pieces_[next_++];
  }

 private:
  std::vector<std::string> pieces_;
  std::size_t next_ = 0;
};

TEST(Body, ReadsBytesAndStreamsAlike) {
  async::EventLoop loop;
  Body bytes(std::string("hello"));
  EXPECT_EQ(bytes.length(), 5u);
  EXPECT_EQ(loop.run_until_done(bytes.read()), "hello");
  EXPECT_EQ(loop.run_until_done(bytes.read()), "");
  Body stream(std::make_unique<Pieces>(std::vector<std::string>{"he", "llo"}));
  EXPECT_EQ(stream.length(), std::nullopt);
  EXPECT_EQ(loop.run_until_done(stream.read_all(5)), "hello");
}

TEST(Body, ReadAllStopsAtItsLimit) {
  async::EventLoop loop;
  Body bytes(std::string("hello"));
  EXPECT_EQ(loop.run_until_done(bytes.read_all(4)).error().code(), ErrorCode::too_large);
  Body stream(std::make_unique<Pieces>(std::vector<std::string>{"he", "llo"}));
  EXPECT_EQ(loop.run_until_done(stream.read_all(4)).error().code(), ErrorCode::too_large);
  Body announced(std::make_unique<Pieces>(std::vector<std::string>{"x"}), 1'000'000);
  EXPECT_EQ(loop.run_until_done(announced.read_all(4)).error().code(), ErrorCode::too_large);
}

TEST(Reason, KnowsItsStatuses) {
  EXPECT_EQ(reason(200), "OK");
  EXPECT_EQ(reason(529), "Overloaded");
  EXPECT_EQ(reason(299), "Unknown");
  EXPECT_EQ(reason(999), "Unknown");
}

}  // namespace
}  // namespace acloud::net
