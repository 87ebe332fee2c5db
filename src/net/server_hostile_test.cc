// Requests that no honest client sends, over raw sockets: each is refused with the right status and the
// connection closed, and nothing of it reaches the handler.
#include <thread>

#include "net/server_test_support.h"

namespace acloud::net {
namespace {

using namespace std::chrono_literals;

struct Hostile {
  const char* name;
  std::string request;
  int status;
};

void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.name; }

std::string get(std::string_view headers) {
  return fmt::format("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", headers);
}
std::string post(std::string_view headers, std::string_view body) {
  return fmt::format("POST / HTTP/1.1\r\nHost: a\r\n{}\r\n{}", headers, body);
}
std::string chunked(std::string_view body) { return post("Transfer-Encoding: chunked\r\n", body); }

const Hostile kHostile[] = {
    {"LengthAndChunked", post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
    {"ChunkedAndLength", post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"), 400},
    {"TwoLengths", post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"), 400},
    {"LengthList", post("Content-Length: 3, 4\r\n", "abcd"), 400},
    {"NegativeLength", post("Content-Length: -1\r\n", ""), 400},
    {"SignedLength", post("Content-Length: +3\r\n", "abc"), 400},
    {"HexLength", post("Content-Length: 0x3\r\n", "abc"), 400},
    {"EmptyLength", post("Content-Length:\r\n", "abc"), 400},
    {"HugeLength", post("Content-Length: 99999999999999999999999\r\n", "abc"), 400},
    {"LengthOverTheLimit", post("Content-Length: 2000000000000\r\n", "abc"), 413},
    {"ChunkedTwice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
    {"ChunkedChunked", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), 501},
    {"ChunkedNotLast", post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), 501},
    {"OtherCoding", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501},
    {"CodingWithVerticalTab", post("Transfer-Encoding: \vchunked\r\n", "0\r\n\r\n"), 400},
    {"CodingInOldVersion", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"SpaceBeforeColon", get("X : 1\r\n"), 400},
    {"SpaceBeforeColonOfLength", post("Content-Length : 3\r\n", "abc"), 400},
    {"FoldedHeader", get("X: 1\r\n 2\r\n"), 400},
    {"FoldedWithTab", get("X: 1\r\n\t2\r\n"), 400},
    {"SpaceBeforeFirstHeader", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
    {"HeaderWithoutName", get(": 1\r\n"), 400},
    {"HeaderWithoutColon", get("nonsense\r\n"), 400},
    {"BareLineFeeds", "GET / HTTP/1.1\nHost: a\nX: \r\n\r\n", 400},
    {"NulInValue", get(std::string_view("X: a\0b\r\n", 8)), 400},
    {"ControlInValue", get("X: a\x01\r\n"), 400},
    {"CarriageReturnInValue", get("X: a\rb\r\n"), 400},
    {"CarriageReturnAtTheEndOfTheHead", "GET / HTTP/1.1\r\nHost: a\r\n\r\xff\xff", 400},
    {"NoHost", "GET / HTTP/1.1\r\n\r\n", 400},
    {"TwoHosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
    {"HostWithPath", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"HostWithUser", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400},
    {"TargetWithoutSlash", "GET index HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"TargetWithSpace", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"TargetWithControl", "GET /a\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"TargetWithUtf8", "GET /\xC3\xA4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"TargetWithFragment", "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"AsteriskForGet", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"ConnectToPath", "CONNECT /a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"NoTarget", "GET  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"VersionTwo", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 400},
    {"VersionNonsense", "GET / HTCPCP/1.1\r\nHost: a\r\n\r\n", 400},
    {"OldestVersion", "GET /\r\n\r\n", 400},
    {"MethodWithColon", "G:T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"TlsHandshake", std::string("\x16\x03\x01\x02\x00\x01", 6), 400},
    {"Http2Preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
    {"LongTarget", "GET /" + std::string(70'000, 'a'), 414},
    {"LongHeader", get("X: " + std::string(70'000, 'a')), 431},
    {"ManyHeaders",
     [] {
       std::string headers;
       for (int i = 0; i < 20'000; ++i) headers += "a: b\r\n";
       return get(headers);
     }(),
     431},
    {"ChunkSizeNotHex", chunked("xyz\r\nabc\r\n0\r\n\r\n"), 400},
    {"ChunkSizeNegative", chunked("-1\r\n\r\n"), 400},
    {"ChunkSizeOverflows", chunked("fffffffffffffffff\r\nabc"), 400},
    {"ChunkSizeWithPrefix", chunked("0x3\r\nabc\r\n0\r\n\r\n"), 400},
    {"ChunkWithoutItsEnd", chunked("3\r\nabcdef\r\n0\r\n\r\n"), 400},
    {"ChunkSizeWithLineFeed", chunked("3\nabc\r\n0\r\n\r\n"), 400},
    {"ChunkExtensionWithoutEnd", chunked("3;" + std::string(200'000, 'x')), 400},
    {"TrailersWithoutEnd", chunked("0\r\n" + std::string(200'000, 'x')), 400},
};

class HostileRequest : public testing::TestWithParam<Hostile> {};

TEST_P(HostileRequest, IsRefusedAndTheConnectionClosed) {
  // The handler answers 400 for a body that can't be read, and 200 for whatever it is given whole.
  TestServer server(echo);
  RawClient client(server.address());
  client.send(GetParam().request);
  const std::string response = client.read_response();
  EXPECT_EQ(status_of(response), GetParam().status) << response;
  client.send("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
  client.end_sending();
  EXPECT_EQ(client.read_all(), "");
}

INSTANTIATE_TEST_SUITE_P(Table, HostileRequest, testing::ValuesIn(kHostile),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(OddRequest, ThatHttpAllowsIsAnswered) {
  TestServer server(echo);
  const std::string odd[] = {
      "\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
      "GET http://a/b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
      "GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n",
      "BREW / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
      "GET /%00/../?a=%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
      "POST / HTTP/1.1\r\nhost:a\r\nCONTENT-LENGTH:3\r\ncontent-length: 3\r\nConnection: close\r\n\r\nabc",
  };
  for (const std::string& request : odd) {
    EXPECT_EQ(status_of(server.ask(request)), 200) << request;
    RawClient slow(server.address());
    for (const char byte : request) slow.send({&byte, 1});
    EXPECT_EQ(status_of(slow.read_response()), 200) << "byte by byte: " << request;
  }
}

ServerOptions limited_to(Limits limits) { return {.listen = "127.0.0.1:0", .limits = limits}; }

TEST(SlowClient, ThatDripsHeadersGets408) {
  TestServer server(echo, limited_to({.header_time = 200ms}));
  RawClient client(server.address());
  // Bytes keep coming, but the head is not done in its time: each must not grant a second more.
  std::jthread drip([&client](std::stop_token stop) {
    client.send("GET / HTTP/1.1\r\n");
    while (!stop.stop_requested() && client.send("X: 1\r\n")) std::this_thread::sleep_for(20ms);
  });
  EXPECT_EQ(status_of(client.read_until("\r\n\r\n")), 408);
}

TEST(SlowClient, ThatSaysNothingIsClosed) {
  TestServer server(echo, limited_to({.idle_time = 100ms}));
  RawClient fresh(server.address()), used(server.address());
  used.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(status_of(used.read_response()), 200);
  EXPECT_TRUE(fresh.at_end());
  EXPECT_TRUE(used.at_end());
}

TEST(SlowClient, WhoseBodyStallsGetsAnError) {
  TestServer server(echo, limited_to({.body_stall = 100ms}));
  EXPECT_EQ(status_of(server.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")), 504);
}

TEST(SlowClient, ThatTakesNoByteOfItsResponseIsClosed) {
  TestServer server(
      [](Request&) -> Task<Response> { co_return Response{.body = Body(std::string(64 << 20, 'x'))}; },
      limited_to({.body_stall = 100ms}));
  RawClient client(server.address());
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(eventually([&] { return server.server().stats().connections_total == 1; }));
  EXPECT_TRUE(eventually([&] { return server.server().stats().connections_open == 0; }));
}

TEST(SlowClient, WhoseRequestTakesTooLongInAllIsCutOff) {
  TestServer server(echo, limited_to({.total_time = 200ms}));
  RawClient client(server.address());
  std::jthread drip([&client](std::stop_token stop) {
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    while (!stop.stop_requested() && client.send("x")) std::this_thread::sleep_for(20ms);
  });
  EXPECT_TRUE(client.at_end());
}

// The parser takes lines as they come; its limits must not start anew with each.
TEST(SlowClient, ThatNeverEndsItsHeadersIsRefusedAtTheLimit) {
  TestServer server(echo);
  RawClient client(server.address());
  client.send("GET / HTTP/1.1\r\nHost: a\r\n");
  const std::string lines = [] {
    std::string text;
    for (int i = 0; i < 100; ++i) text += "X: 1234567890\r\n";
    return text;
  }();
  for (int i = 0; i < 100 && client.send(lines); ++i) continue;
  EXPECT_EQ(status_of(client.read_until("\r\n\r\n")), 431);
}

TEST(HostileBytes, AreRefusedAlsoWhenTheyComeOneByOne) {
  TestServer server(echo);
  for (const Hostile& hostile : kHostile) {
    if (hostile.request.size() > 1000) continue;
    RawClient client(server.address());
    for (const char byte : hostile.request) {
      if (!client.send({&byte, 1})) break;
    }
    EXPECT_EQ(status_of(client.read_response()), hostile.status) << hostile.name;
  }
}

TEST(HalfClosed, WithinTheHeadIsJustClosed) {
  TestServer server(echo);
  RawClient client(server.address());
  client.send("GET / HT");
  client.end_sending();
  EXPECT_EQ(client.read_all(), "");
}

TEST(HalfClosed, WithinTheBodyIsAnError) {
  TestServer server(echo);
  RawClient client(server.address());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  client.end_sending();
  EXPECT_EQ(status_of(client.read_all()), 503);
}

TEST(Garbage, OfAnyLengthIsRefusedAfterTheHeaderLimit) {
  TestServer server(echo);
  RawClient client(server.address());
  const std::string megabyte(1 << 20, 'A');
  for (int i = 0; i < 64 && client.send(megabyte); ++i) continue;
  EXPECT_EQ(server.server().stats().requests_total, 0u);
  EXPECT_TRUE(eventually([&] { return server.server().stats().connections_open == 0; }));
}

}  // namespace
}  // namespace acloud::net
