#include <gtest/gtest.h>

#include "net/client.h"
#include "net/server_test_support.h"
#include "net/socket.h"
#include "net/testing/certificate.h"

namespace acloud::net {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kConnect = "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n";

Task<> echo_bytes(std::unique_ptr<ByteStream> stream) {
  while (true) {
    const auto bytes = co_await stream->read();
    if (!bytes) co_return;
    if (bytes->empty()) break;
    if (!co_await stream->write(*bytes)) co_return;
  }
  (void)co_await stream->write("bye");
  (void)co_await stream->shutdown();
}

Task<Response> tunnel(Request&) { co_return Response{.take_over = echo_bytes}; }

TEST(TakeOver, GivesTheHandlerTheConnectionAndWhatCameEarly) {
  TestServer server(tunnel);
  RawClient client(server.address());
  client.send(fmt::format("{}early", kConnect));
  const std::string head = client.read_until("\r\n\r\n");
  EXPECT_EQ(status_of(head), 200);
  EXPECT_EQ(head.find("content-length"), std::string::npos);
  EXPECT_EQ(client.read_until("early"), "early");
  client.send("late");
  EXPECT_EQ(client.read_until("late"), "late");
  client.end_sending();
  EXPECT_EQ(client.read_all(), "bye");
}

TEST(TakeOver, SendsTheHeadersOfAnUpgrade) {
  TestServer server([](Request&) -> Task<Response> {
    co_return Response{
        .status = 101, .headers = {{"connection", "upgrade"}, {"upgrade", "bytes"}}, .take_over = echo_bytes};
  });
  RawClient client(server.address());
  client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: bytes\r\n\r\n");
  const std::string head = client.read_until("\r\n\r\n");
  EXPECT_EQ(status_of(head), 101);
  EXPECT_NE(head.find("upgrade: bytes\r\n"), std::string::npos);
  client.send("x");
  EXPECT_EQ(client.read_until("x"), "x");
}

TEST(TakeOver, EndsWithTheServer) {
  TestServer server(tunnel);
  RawClient client(server.address());
  client.send(kConnect);
  client.read_until("\r\n\r\n");
  server.server().drain(10ms);
  EXPECT_TRUE(client.at_end());
}

Task<> echo_messages(WebSocket& socket) {
  while (true) {
    auto message = co_await socket.receive();
    if (!message || !*message) co_return;
    if ((*message)->data == "close") co_return;
    if (!co_await socket.send(std::move(**message))) co_return;
  }
}

Task<Response> accept_socket(Request&) {
  co_return Response{.headers = {{"sec-websocket-protocol", "chat"}}, .websocket = echo_messages};
}

Task<> talk(std::string url, int& echoed) {
  Client client(*async::EventLoop::current());
  auto socket = co_await client.websocket(url, {{"sec-websocket-protocol", "chat"}});
  if (!socket) {
    ADD_FAILURE() << socket.error().message();
    co_return;
  }
  for (const std::size_t size : {0u, 1u, 200u, 70'000u, 3'000'000u}) {
    const std::string data(size, 'x');
    EXPECT_TRUE(co_await (*socket)->send({.text = size % 2 == 0, .data = data}));
    const auto back = co_await (*socket)->receive();
    if (!back || !*back) {
      ADD_FAILURE() << "no echo of " << size;
      co_return;
    }
    EXPECT_EQ((*back)->data, data);
    EXPECT_EQ((*back)->text, size % 2 == 0);
    ++echoed;
  }
  EXPECT_TRUE(co_await (*socket)->send({.data = "close"}));
  const auto end = co_await (*socket)->receive();
  EXPECT_TRUE(end && !*end);
}

TEST(ServerWebSocket, EchoesMessagesAndCloses) {
  TestServer server(accept_socket);
  int echoed = 0;
  async::EventLoop loop;
  loop.run_until_done(talk("ws://" + server.address() + "/", echoed));
  EXPECT_EQ(echoed, 5);
}

TEST(ServerWebSocket, RefusesWhatIsNoHandshake) {
  TestServer server(accept_socket);
  EXPECT_EQ(status_of(server.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")), 400);
  EXPECT_EQ(
      status_of(server.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")),
      400);
}

TEST(ServerWebSocket, EndsWithTheServerAndWithTheClient) {
  TestServer server(accept_socket);
  const std::string_view handshake =
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: "
      "13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  RawClient stays(server.address());
  stays.send(handshake);
  const std::string head = stays.read_until("\r\n\r\n");
  EXPECT_EQ(status_of(head), 101);
  EXPECT_NE(head.find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), std::string::npos) << head;  // RFC 6455, section 1.3
  {
    RawClient leaves(server.address());
    leaves.send(handshake);
    leaves.read_until("\r\n\r\n");
    EXPECT_EQ(server.server().stats().connections_open, 2u);
  }
  EXPECT_TRUE(eventually([&] { return server.server().stats().connections_open == 1; }));
  server.server().drain(10ms);
  EXPECT_TRUE(stays.at_end());
}

Task<Result<std::string>> ask_over_tls(std::string address, std::string ca, std::string body) {
  Client client(*async::EventLoop::current(), {.ca_file = std::move(ca)});
  const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  std::string all;
  for (int i = 0; i < 3; ++i) {
    Request request{.method = "POST", .target = "/tls", .body = Body(body)};
    ACLOUD_CO_TRY(Response response, co_await client.send({"https", "localhost", port}, std::move(request)));
    ACLOUD_CO_TRY(all, co_await response.body.read_all(8 << 20));
  }
  co_return all;
}

TEST(Tls, AnswersOverAKeptConnection) {
  const TestCertificate certificate;
  TestServer server(echo, {.listen = "127.0.0.1:0",
                           .tls = TlsFiles{certificate.certificate_file(), certificate.key_file()}});
  const std::string body(900'000, 'x');
  async::EventLoop loop;
  const auto answer =
      loop.run_until_done(ask_over_tls(server.address(), certificate.certificate_file(), body));
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(*answer, "POST /tls " + body);
  EXPECT_EQ(server.server().stats().requests_total, 3u);
  EXPECT_EQ(server.server().stats().connections_total, 1u);
}

TEST(Tls, PlainHttpOnATlsPortIsClosed) {
  const TestCertificate certificate;
  TestServer server(echo, {.listen = "127.0.0.1:0",
                           .limits = {.header_time = 100ms},
                           .tls = TlsFiles{certificate.certificate_file(), certificate.key_file()}});
  RawClient plain(server.address()), silent(server.address());
  plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  plain.read_all();
  EXPECT_TRUE(plain.at_end());
  EXPECT_TRUE(silent.at_end());  // a handshake has the time of a request's head
}

}  // namespace
}  // namespace acloud::net
