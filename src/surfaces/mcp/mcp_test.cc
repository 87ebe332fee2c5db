// The parts of MCP that need no server: messages, seals, headers, pages, references, words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "surfaces/mcp/headers.h"
#include "surfaces/mcp/listen.h"
#include "surfaces/mcp/meta_tools.h"
#include "surfaces/mcp/methods.h"

namespace acloud::surfaces::mcp {
namespace {

using testing::ElementsAre;
using namespace std::chrono_literals;

TEST(McpMessage, TellsRequestsNotificationsAndResponsesApart) {
  std::string id;
  const auto request = parse_message(R"({"jsonrpc":"2.0","id":"a\"b","method":"m","params":{"x":1}})", id);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->kind, Message::Kind::request);
  EXPECT_EQ(id, R"("a\"b")");
  EXPECT_EQ(request->params["x"], 1);
  EXPECT_EQ(parse_message(R"({"jsonrpc":"2.0","method":"m"})", id)->kind, Message::Kind::notification);
  EXPECT_EQ(parse_message(R"({"jsonrpc":"2.0","id":1,"result":{}})", id)->kind, Message::Kind::response);
}

TEST(McpMessage, KnowsTheIdOfWhatItRefuses) {
  std::string id;
  const auto refused = parse_message(R"({"jsonrpc":"2.0","id":7,"method":"m","params":[]})", id);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid_params);
  EXPECT_EQ(error_message(id, refused.error()).substr(0, 24), R"({"jsonrpc":"2.0","id":7,)");
}

// RFC 4231, test cases 1, 2 and 6.
TEST(McpSeal, ComputesHmac) {
  EXPECT_EQ(to_hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(
      to_hex(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(McpSeal, OpensWhatItClosedAndNothingElse) {
  ManualClock clock;
  SeededRandom random(1);
  const Seal seal(clock, random);
  const Json state{{"round", 2}};
  const std::string closed = seal.close(state, "tools/call x");
  ASSERT_TRUE(seal.open(closed, "tools/call x"));
  EXPECT_EQ(*seal.open(closed, "tools/call x"), state);
  EXPECT_FALSE(seal.open(closed, "tools/call y"));
  for (std::size_t i = 0; i < closed.size(); ++i) {
    std::string changed = closed;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(seal.open(changed, "tools/call x")) << i;
  }
  EXPECT_FALSE(Seal(clock, random).open(closed, "tools/call x")) << "another server's key";
  clock.advance(Seal::kGoodFor - 1s);
  EXPECT_TRUE(seal.open(closed, "tools/call x"));
  clock.advance(1s);
  EXPECT_FALSE(seal.open(closed, "tools/call x"));
}

TEST(McpHeaders, DecodeWhatIsMarked) {
  EXPECT_EQ(*header_text("  plain "), "plain");
  EXPECT_EQ(*header_text("=?base64?SGVsbG8=?="), "Hello");
  EXPECT_EQ(*header_text("=?base64?SGVsbG8="), "=?base64?SGVsbG8=");
  EXPECT_FALSE(header_text("=?base64?SGVsbG8?="));
  EXPECT_FALSE(header_text("=?base64?SGVs!!!bG8=?="));
  for (const std::string& text : {"a", " a", "ä", "=?base64?x?=", "a\nb", ""}) {
    EXPECT_EQ(*header_text(header_value(text)), text);
  }
}

TEST(McpHeaders, MustSayWhatTheBodySays) {
  const Message message{
      .id = "1", .method = "tools/call", .params = {{"name", "t"}, {"arguments", {{"n", 7}}}}};
  EXPECT_TRUE(check_headers({{"Mcp-Method", "tools/call"}, {"Mcp-Name", "t"}}, message));
  EXPECT_FALSE(check_headers({{"Mcp-Method", "tools/call"}}, message));
  EXPECT_FALSE(check_headers({{"Mcp-Method", "Tools/Call"}, {"Mcp-Name", "t"}}, message));
  const Tool tool{.name = "t", .headers = {{.header = "N", .argument = "n"}}};
  EXPECT_TRUE(check_arguments({{"Mcp-Param-N", "7"}}, tool, message.params));
  EXPECT_FALSE(check_arguments({{"Mcp-Param-N", "8"}}, tool, message.params));
  EXPECT_FALSE(check_arguments({}, tool, message.params));
  EXPECT_FALSE(check_arguments({{"Mcp-Param-N", "7"}}, tool, {{"name", "t"}}));
  EXPECT_TRUE(check_arguments({}, tool, {{"name", "t"}}));
}

TEST(McpPages, GiveEachItemOnce) {
  const std::vector<std::string> items{"1", "2", "3", "4", "5"};
  EXPECT_EQ(*page("x", items, Json::object(), 2), R"("x":[1,2],"nextCursor":"2")");
  EXPECT_EQ(*page("x", items, {{"cursor", "2"}}, 2), R"("x":[3,4],"nextCursor":"4")");
  EXPECT_EQ(*page("x", items, {{"cursor", "4"}}, 2), R"("x":[5])");
  EXPECT_EQ(*page("x", {}, Json::object(), 2), R"("x":[])");
  for (const Json& cursor : {Json("0"), Json("5"), Json("-1"), Json("2x"), Json(""), Json(2)}) {
    EXPECT_FALSE(page("x", items, {{"cursor", cursor}}, 2)) << cursor;
  }
}

TEST(McpReferences, AreFilledFromEarlierResults) {
  const Json results = Json::array({{{"id", "sbx_1"}, {"list", {1, 2}}}});
  Json arguments{
      {"id", {{"$result", "/0/id"}}}, {"deep", Json::array({{{"$result", "/0/list/1"}}})}, {"x", 1}};
  ASSERT_TRUE(fill_references(arguments, results));
  EXPECT_EQ(arguments, (Json{{"id", "sbx_1"}, {"deep", Json::array({2})}, {"x", 1}}));
  for (const Json& where : {Json("/1/id"), Json("/0/list/-"), Json("0"), Json(0), Json("/0/~2")}) {
    Json wrong{{"id", {{"$result", where}}}};
    EXPECT_FALSE(fill_references(wrong, results)) << where;
  }
}

TEST(McpFilter, TakesNoMoreThanTheOfferHas) {
  const Json params{{"notifications", {{"toolsListChanged", true}, {"resourceSubscriptions", {"a"}}}}};
  EXPECT_TRUE(read_filter(params, {})->empty());
  const auto filter = read_filter(params, {.lists_change = true, .resources_change = true});
  EXPECT_TRUE(filter->wants({Change::Of::tools, ""}));
  EXPECT_FALSE(filter->wants({Change::Of::prompts, ""}));
  EXPECT_TRUE(filter->wants({Change::Of::resource, "a"}));
  EXPECT_FALSE(filter->wants({Change::Of::resource, "b"}));
  EXPECT_FALSE(read_filter(Json::object(), {}));
  EXPECT_FALSE(read_filter({{"notifications", {{"toolsListChanged", 1}}}}, {}));
}

TEST(McpSearch, ComparesWordsWithoutTheirEndings) {
  EXPECT_THAT(search_words("Running the runs, please"), ElementsAre("run", "run"));
  EXPECT_THAT(search_words("stores stored storing store"), ElementsAre("stor", "stor", "stor", "stor"));
  EXPECT_THAT(search_words("API-keys of entries"), ElementsAre("api", "key", "entry"));
  EXPECT_THAT(search_words("don't"), ElementsAre("dont"));
}

struct Nothing {
  std::string path;
  static constexpr auto schema = fields(field("path", &Nothing::path, "A place."));
};

TEST(McpSearch, FindsByNameSummaryAndKeywords) {
  kernel::Catalog catalog;
  auto& product = catalog.add("box", "Boxes.");
  product.operation<Nothing, Nothing>("open").summary("Open a box.").keywords("unlock");
  product.operation<Nothing, Nothing>("weigh").summary("Tell how heavy a box is.");
  const Search search(catalog);
  const auto first = [&](std::string_view words) {
    const auto found = search.find(words);
    return found.empty() ? "" : found.front().operation->name;
  };
  EXPECT_EQ(first("please unlock it"), "open");
  EXPECT_EQ(first("how heavy is this?"), "weigh");
  EXPECT_EQ(first("opening boxes"), "open");
  EXPECT_EQ(first("sing a song"), "");
  EXPECT_EQ(first(""), "");
}

}  // namespace
}  // namespace acloud::surfaces::mcp
