#include "mcp/tool.h"

#include <gmock/gmock.h>

#include "mcp/server_config.h"

namespace acloud::mcp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Json tool(std::string name) { return {{"name", std::move(name)}, {"inputSchema", {{"type", "object"}}}}; }

struct Read {
  std::vector<Tool> tools;
  std::vector<RefusedTool> refused;
};

Read read(Json tools, std::vector<std::string> patterns = {}) {
  ToolList list("srv", std::move(patterns));
  EXPECT_TRUE(list.add({{"tools", std::move(tools)}}));
  Read read{.tools = list.finish(), .refused = {}};
  read.refused = list.refused();
  return read;
}

TEST(McpTools, NamesBecomeTheCatalogs) {
  EXPECT_EQ(operation_name("echo"), "echo");
  EXPECT_EQ(operation_name("get-sum"), "get_sum");
  EXPECT_EQ(operation_name("getSum"), "get_sum");
  EXPECT_EQ(operation_name("Get_SUM"), "get_sum");
  EXPECT_EQ(operation_name("files/read.all"), "files_read_all");
  EXPECT_EQ(operation_name("__a--b__"), "a_b");
  EXPECT_EQ(operation_name("3d"), "tool_3d");
  EXPECT_EQ(operation_name("\xc3\xa9\xc3\xa8"), "");
  EXPECT_EQ(operation_name(""), "");
}

TEST(McpTools, EffectsAreByTheBook) {
  Json entry = tool("a");
  const Tool silent = read(Json::array({entry})).tools.front();
  EXPECT_TRUE(!silent.read_only && silent.destructive && silent.open_world);
  entry["annotations"] = {{"readOnlyHint", true}, {"destructiveHint", 0}, {"openWorldHint", false}};
  const Tool said = read(Json::array({entry})).tools.front();
  EXPECT_TRUE(said.read_only && said.destructive && !said.open_world);
  entry["annotations"] = "readOnlyHint";
  EXPECT_FALSE(read(Json::array({entry})).tools.front().read_only);
}

TEST(McpTools, NamesThatMeetAreAllLeftOut) {
  const Read got = read({tool("get-sum"), tool("other"), tool("getSum")});
  ASSERT_THAT(got.tools, SizeIs(1));
  EXPECT_EQ(got.tools.front().operation, "other");
  ASSERT_THAT(got.refused, SizeIs(2));
  EXPECT_THAT(got.refused.front().reason, HasSubstr("2 tools would be srv.get_sum"));
  EXPECT_THAT(read({tool("get-sum"), tool("getSum")}, {"get-*"}).tools, SizeIs(1));
}

TEST(McpTools, WhatDoesNotFitIsLeftOutAndTheRestTaken) {
  Json huge = tool("huge");
  huge["inputSchema"]["description"] = std::string(ToolList::kSchemaBytes, 'x');
  Json deep = tool("deep");
  Json nested = Json::object();
  for (std::size_t i = 0; i < ToolList::kDepth; ++i) nested = Json{{"items", std::move(nested)}};
  deep["inputSchema"]["properties"] = {{"a", std::move(nested)}};
  Json wide = tool("wide");
  for (std::size_t i = 0; i <= ToolList::kProperties; ++i)
    wide["inputSchema"]["properties"]["p" + std::to_string(i)] = true;
  Json listed = tool("listed");
  listed["inputSchema"] = Json::array();
  Json typed = tool("typed");
  typed["inputSchema"]["type"] = "string";
  Json hidden = tool("hidden");
  hidden["inputSchema"]["properties"] = {{"a\x1b[2J", Json::object()}};
  Json output = tool("output");
  output["outputSchema"] = 7;
  const Read got =
      read({huge, deep, wide, listed, typed, hidden, output, 5, Json::object(), Json{{"name", 1}}, tool(""),
            tool(std::string(129, 'a')), tool(std::string(61, 'a')), tool("fine")});
  ASSERT_THAT(got.tools, SizeIs(1));
  EXPECT_EQ(got.tools.front().name, "fine");
  EXPECT_THAT(got.refused, SizeIs(13));
}

TEST(McpTools, AreBoundedInNumberAndSize) {
  Json many = Json::array();
  for (std::size_t i = 0; i < ToolList::kTools + 500; ++i) many.push_back(tool("t" + std::to_string(i)));
  const Read got = read(many);
  EXPECT_THAT(got.tools, SizeIs(ToolList::kTools));
  ASSERT_THAT(got.refused, SizeIs(1));
  EXPECT_THAT(got.refused.front().reason, HasSubstr("1000 tools"));

  Json large = Json::array();
  for (std::size_t i = 0; i < 200; ++i) {
    large.push_back(tool("t" + std::to_string(i)));
    large.back()["inputSchema"]["$comment"] = std::string(60'000, 'x');
  }
  EXPECT_THAT(read(large).tools, SizeIs(ToolList::kBytes / 60'000));
  EXPECT_THAT(read(large).refused, SizeIs(200 - ToolList::kBytes / 60'000));
}

TEST(McpTools, SchemasHaveTheShapeThatSurfacesRead) {
  Json entry = tool("a");
  entry["inputSchema"] = {{"properties",
                           {{"x", true},
                            {"y", {{"description", 5}, {"enum", "no"}, {"type", 3}, {"minimum", 1}}},
                            {"z", {{"description", "fine\x1b[31m"}, {"x-mcp-header", "Region"}}}}},
                          {"required", {"z", 5, "w"}}};
  const Tool read_tool = read(Json::array({entry})).tools.front();
  EXPECT_EQ(read_tool.request["type"], "object");
  EXPECT_EQ(read_tool.request["properties"]["x"], OrderedJson::object());
  EXPECT_EQ(read_tool.request["properties"]["y"], (OrderedJson{{"minimum", 1}}));
  EXPECT_EQ(read_tool.request["properties"]["z"]["description"], "fine[31m");
  EXPECT_EQ(read_tool.request["required"], OrderedJson::array({"z"}));
  EXPECT_THAT(read_tool.headers, ElementsAre(std::pair("Region", "z")));
  const Tool bare = read(Json::array({tool("a")})).tools.front();
  EXPECT_EQ(bare.request["properties"], OrderedJson::object());
  EXPECT_EQ(bare.request["required"], OrderedJson::array());
  EXPECT_TRUE(bare.reply.is_null());
}

TEST(McpTools, TextsLoseWhatNobodySees) {
  EXPECT_EQ(plain_text("a\x1b[2Jb\xc2\x9b"
                       "c\x7f",
                       100),
            "a[2Jbc");
  EXPECT_EQ(plain_text("a\xe2\x80\xae"
                       "b\xf3\xa0\x81\x81"
                       "c\xef\xbb\xbf",
                       100),
            "abc");
  EXPECT_EQ(plain_text("\xc3\xa9\xc3\xa9\xc3\xa9", 5), "\xc3\xa9\xc3\xa9");
  EXPECT_EQ(plain_text("\xff", 10), "\xef\xbf\xbd");
  EXPECT_EQ(plain_text(std::string(1000, 'x'), 10), "xxxxxxxxxx");
}

TEST(McpTools, SummaryIsTheFirstSentence) {
  Json entry = tool("a");
  const auto of = [&entry](const char* text) {
    entry["description"] = text;
    const Tool got = read(Json::array({entry})).tools.front();
    return got.summary + "|" + got.description;
  };
  EXPECT_EQ(of("One. Two. Three."), "One.|Two. Three.");
  EXPECT_EQ(of("One\nTwo"), "One|Two");
  EXPECT_EQ(of("One"), "One|");
  EXPECT_EQ(of(""), "Tool a of srv.|");
  const std::string text(300, 'x');
  EXPECT_EQ(of(text.c_str()), std::string(200, 'x') + "|" + text);
  entry["title"] = "Title";
  EXPECT_EQ(of(""), "Title|");
}

TEST(McpTools, ALoneResultThatIsNoListIsRefused) {
  ToolList list("srv", {});
  EXPECT_FALSE(list.add(Json::object()));
  EXPECT_FALSE(list.add({{"tools", "all"}}));
  EXPECT_THAT(list.finish(), IsEmpty());
}

ServerConfig program(std::string name) {
  ServerConfig config;
  config.name = std::move(name);
  config.command = "true";
  return config;
}

TEST(McpServerConfig, NamesAreFreeAndPlain) {
  EXPECT_TRUE(is_server_name("everything"));
  EXPECT_TRUE(is_server_name("s3backup"));
  for (const char* name :
       {"", "3a", "a_b", "a-b", "A", "sandbox", "mcp", "doctor", "a.b", "abcdefghijklmnopqrstuvwxyzabcdefg"})
    EXPECT_FALSE(is_server_name(name)) << name;
}

TEST(McpServerConfig, SaysWhatDoesNotGoTogether) {
  EXPECT_TRUE(check({program("a"), program("b")}));
  EXPECT_THAT(check({program("a"), program("a")}).error().message(), HasSubstr("two have this name"));
  ServerConfig config = program("a");
  config.url = "http://127.0.0.1:1/mcp";
  EXPECT_THAT(check({config}).error().message(), HasSubstr("either command or url"));
  config.command.clear();
  EXPECT_TRUE(check({config}));
  config.bearer = "plain";
  EXPECT_THAT(check({config}).error().message(), HasSubstr("never as itself"));
  config.bearer = "env:X";
  config.args = {"x"};
  EXPECT_THAT(check({config}).error().message(), HasSubstr("go with command"));
  config = program("a");
  config.bearer = "env:X";
  EXPECT_THAT(check({config}).error().message(), HasSubstr("go with url"));
  config = {};
  config.name = "a";
  config.url = "ftp://x";
  EXPECT_FALSE(check({config}));
  config.url.clear();
  EXPECT_FALSE(check({config}));
}

}  // namespace
}  // namespace acloud::mcp
