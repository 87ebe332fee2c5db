// The client and the server of this folder with one another.
#include <gtest/gtest.h>

#include "async/event_loop.h"
#include "async/task_scope.h"
#include "net/client.h"
#include "net/server_test_support.h"

namespace acloud::net {
namespace {

using namespace std::chrono_literals;

Task<> echo_texts(WebSocket& socket) {
  for (;;) {
    auto message = co_await socket.receive();
    if (!message || !*message) co_return;
    if ((*message)->data == "bye") {
      (void)co_await socket.close(4000, "as you wish");
      co_return;
    }
    if (!co_await socket.send(**std::move(message))) co_return;
  }
}

Task<Response> serve(Request& request) {
  Response response;
  if (request.path() == "/socket" && request.headers.value("x-token") == "let me in") {
    response.websocket = echo_texts;
  } else if (request.path() == "/socket") {
    response.status = 403;
  } else {
    const auto body = co_await request.body.read_all(64 << 20);
    response.body = request.method + ":" + body.value_or("broken");
  }
  co_return response;
}

class ClientAndServer : public ::testing::Test {
 protected:
  std::string url(std::string_view path) const { return fmt::format("ws://{}{}", server_.address(), path); }
  Origin origin() const { return parse_url(url("/"))->origin; }

  TestServer server_{serve};
  async::EventLoop loop_;
  Client client_{loop_};
};

Task<Result<std::string>> fetch_text(Client& client, Origin origin, Request request) {
  ACLOUD_CO_TRY(Response response, co_await client.send(origin, std::move(request)));
  co_return co_await response.body.read_all(64 << 20);
}

TEST_F(ClientAndServer, PassBodiesBothWays) {
  for (const std::size_t size : {0UZ, 1UZ, 100'000UZ, 5'000'000UZ}) {
    const std::string body(size, 'b');
    Request request{.method = "POST", .target = "/x", .headers = {}, .body = body, .peer = {}};
    const auto answer = loop_.run_until_done(fetch_text(client_, origin(), std::move(request)));
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_TRUE(*answer == "POST:" + body) << size;
  }
  EXPECT_EQ(client_.health(origin()).idle, 1U);
  EXPECT_EQ(server_.server().stats().connections_total, 1U);
}

Task<Result<>> talk(Client& client, std::string url) {
  ACLOUD_CO_TRY(const auto socket, co_await client.websocket(url, {{"X-Token", "let me in"}}));
  for (const Message& said : {Message{true, "hällo"}, Message{false, std::string("\0\xff", 2)},
                              Message{true, ""}, Message{false, std::string(3 << 20, 'm')}}) {
    ACLOUD_CO_CHECK(co_await socket->send(said));
    ACLOUD_CO_TRY(const auto heard, co_await socket->receive());
    EXPECT_TRUE(heard && heard->data == said.data && heard->text == said.text);
  }
  ACLOUD_CO_CHECK(co_await socket->send({true, "bye"}));
  ACLOUD_CO_TRY(const auto end, co_await socket->receive());
  EXPECT_FALSE(end);
  co_return Result<>();
}

TEST_F(ClientAndServer, ExchangeWebSocketMessages) {
  const auto talked = loop_.run_until_done(talk(client_, url("/socket")));
  EXPECT_TRUE(talked) << (talked ? "" : talked.error().message());
}

Task<Result<>> open_and_close(Client& client, std::string url) {
  ACLOUD_CO_TRY(const auto socket, co_await client.websocket(url, {{"X-Token", "let me in"}}));
  co_return co_await socket->close();
}

TEST_F(ClientAndServer, CloseAWebSocketFromTheClient) {
  const auto closed = loop_.run_until_done(open_and_close(client_, url("/socket")));
  EXPECT_TRUE(closed) << (closed ? "" : closed.error().message());
}

TEST_F(ClientAndServer, SayWhyThereIsNoWebSocket) {
  const auto refused = loop_.run_until_done(client_.websocket(url("/socket")));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().details().value("status", 0), 403) << refused.error().message();
  EXPECT_EQ(refused.error().details().value("phase", ""), "headers");
  EXPECT_FALSE(loop_.run_until_done(client_.websocket("ftp://x")));
}

Task<> listen(WebSocket& socket, Result<std::optional<Message>>& into) { into = co_await socket.receive(); }

Task<Result<>> stop_listening(Client& client, std::string url, Result<std::optional<Message>>& into) {
  ACLOUD_CO_TRY(const auto socket, co_await client.websocket(url, {{"X-Token", "let me in"}}));
  async::TaskScope scope;
  scope.spawn(listen(*socket, into));
  scope.cancel();
  co_await scope.join();
  EXPECT_FALSE(co_await socket->send({true, "too late"}));
  co_return Result<>();
}

TEST_F(ClientAndServer, CloseAWebSocketWhoseReaderIsStopped) {
  Result<std::optional<Message>> heard;
  EXPECT_TRUE(loop_.run_until_done(stop_listening(client_, url("/socket"), heard)));
  ASSERT_FALSE(heard);
  EXPECT_EQ(heard.error().code(), ErrorCode::cancelled);
}

}  // namespace
}  // namespace acloud::net
