#include "cli/output.h"

#include <gtest/gtest.h>

#include <sstream>

namespace acloud::cli {
namespace {

struct Written {
  std::string out;
  std::string err;
};

Written write_reply(std::string_view reply, Options options, bool terminal) {
  std::ostringstream out;
  std::ostringstream err;
  World world;
  world.out = &out;
  world.err = &err;
  world.out_is_terminal = terminal;
  EXPECT_TRUE(Output(world, options).reply(reply));
  return {out.str(), err.str()};
}

TEST(Output, IsATableForPeople) {
  const Written list = write_reply(
      R"({"items":[{"name":"a","size":1},{"name":"längst","tags":["x"]}],"next_cursor":"c2"})", {}, true);
  EXPECT_EQ(list.out,
            "name    size  tags\n"
            "a       1\n"
            "längst        [\"x\"]\n");
  EXPECT_EQ(list.err, "there is more: add --all, or --cursor 'c2'\n");
  EXPECT_EQ(write_reply(R"({"id":"sbx_1","stdout":"one\ntwo\n"})", {}, true).out,
            "id      sbx_1\n"
            "stdout:\none\ntwo\n");
}

TEST(Output, IsTheServersJsonForPrograms) {
  EXPECT_EQ(write_reply(R"({"n":12345678901234567890, "b":1.0})", {}, false).out,
            "{\"n\":12345678901234567890, \"b\":1.0}\n");
}

TEST(Output, HasOnlyTheFieldsThatAreAskedFor) {
  const Options options{.fields = {"b.c", "a", "none"}};
  EXPECT_EQ(write_reply(R"({"a":1,"b":{"c":2},"d":3})", options, false).out,
            "{\"b.c\":2,\"a\":1,\"none\":null}\n");
  EXPECT_EQ(write_reply(R"({"items":[{"a":1,"d":2}],"next_cursor":null})", {.fields = {"a"}}, false).out,
            "{\"items\":[{\"a\":1}],\"next_cursor\":null}\n");
}

TEST(Output, ObeysNothingThatAServerWrites) {
  const std::string out = write_reply("{\"name\":\"\\u001b[2Jgone\\u009b1m\\r\"}", {}, true).out;
  EXPECT_EQ(out, "name  \\x1b[2Jgone\\x9b1m\\x0d\n");
}

TEST(Output, SaysSoWhereNobodyReads) {
  std::ostringstream out;
  out.setstate(std::ios::badbit);
  World world;
  world.out = &out;
  EXPECT_FALSE(Output(world, {}).bytes("x"));
}

TEST(Report, IsJsonWhereTheResultWouldBe) {
  std::ostringstream out;
  std::ostringstream err;
  World world;
  world.out = &out;
  world.err = &err;
  Failure failure(Error(ErrorCode::not_found, "no bucket \"x\"").with_detail("bucket", "x"));
  failure.request_id = "req_1";
  report(world, {.output = Format::json}, failure);
  EXPECT_EQ(err.str(),
            "{\"error\":{\"code\":\"not_found\",\"message\":\"no bucket \\\"x\\\"\","
            "\"details\":{\"bucket\":\"x\"},\"request_id\":\"req_1\"}}\n");
  err.str("");
  report(world, {.output = Format::table}, failure);
  EXPECT_EQ(err.str(), "error: no bucket \"x\" (not_found)\nrequest req_1\n");
  EXPECT_EQ(out.str(), "");
}

}  // namespace
}  // namespace acloud::cli
