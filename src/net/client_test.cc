// The client against a real nginx: connections, pools, TLS, bodies of any size.
#include "net/client.h"

#include <gtest/gtest.h>

#include <fstream>

#include "async/event_loop.h"
#include "async/task_scope.h"
#include "net/testing/nginx.h"
#include "net/testing/raw_server.h"

namespace acloud::net {
namespace {

using namespace std::chrono_literals;

// One for all tests here: starting it takes a quarter of a second.
class ClientTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    nginx = new testing::Nginx(R"(
      location = /empty { return 204; }
      location = /echo-host { return 200 "$http_host"; }
      location = /length { return 200 "$content_length|$http_transfer_encoding"; }
      location = /close { keepalive_timeout 0; return 200 "closing"; }
      location = /slow { limit_rate 1k; try_files /big.bin =404; })");
    std::ofstream(nginx->root() + "/hello.txt") << "hello";
    std::ofstream(nginx->root() + "/big.bin") << std::string(kBig, 'b');
  }
  static void TearDownTestSuite() {
    delete nginx;
    nginx = nullptr;
  }

  static constexpr std::size_t kBig = 8 << 20;
  static testing::Nginx* nginx;

  Origin plain() const { return {"http", "127.0.0.1", nginx->port()}; }
  Origin secure(std::string host = "localhost") const {
    return {"https", std::move(host), nginx->tls_port()};
  }
  Origin local() const { return {"unix", nginx->socket(), 0}; }

  async::EventLoop loop_;
  Client client_{loop_};
};
testing::Nginx* ClientTest::nginx = nullptr;

struct Answer {
  int status = 0;
  Headers headers;
  std::string body;
};

Task<Result<Answer>> fetch(Client& client, Origin origin, Request request) {
  ACLOUD_CO_TRY(Response response, co_await client.send(origin, std::move(request)));
  ACLOUD_CO_TRY(std::string body, co_await response.body.read_all(1 << 30));
  co_return Answer{response.status, std::move(response.headers), std::move(body)};
}

Request request_of(std::string method, std::string target, Body body = {}) {
  Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.body = std::move(body);
  return request;
}

TEST_F(ClientTest, FetchesAndUsesTheConnectionAgain) {
  const auto first = loop_.run_until_done(fetch(client_, plain(), request_of("GET", "/hello.txt")));
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(first->status, 200);
  EXPECT_EQ(first->body, "hello");
  EXPECT_EQ(first->headers.get("connection"), std::nullopt);  // speaks of the connection, not of the response
  const auto second = loop_.run_until_done(fetch(client_, plain(), request_of("GET", "/missing")));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->status, 404);
  EXPECT_EQ(first->headers.value("x-connection"), second->headers.value("x-connection"));
  EXPECT_EQ(client_.health(plain()).idle, 1U);
  EXPECT_EQ(client_.health(plain()).in_use, 0U);
}

TEST_F(ClientTest, ReachesThePublicInternetAloneWhereItIsToldTo) {
  Client outward(loop_, {.reach = Reach::public_internet});
  // By address, by a name that is looked up to one, and over TLS.
  for (const Origin& origin : {plain(), Origin{"http", "localhost", nginx->port()}, secure()}) {
    const auto refused = loop_.run_until_done(fetch(outward, origin, request_of("GET", "/hello.txt")));
    ASSERT_FALSE(refused) << origin.host;
    EXPECT_EQ(refused.error().code(), ErrorCode::invalid_argument);
    EXPECT_NE(refused.error().message().find("not of the public internet"), std::string::npos);
    EXPECT_EQ(outward.health(origin).in_use, 0U);
  }
}

TEST_F(ClientTest, HonoursAConnectionThatCloses) {
  const auto answer = loop_.run_until_done(fetch(client_, plain(), request_of("GET", "/close")));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "closing");
  EXPECT_EQ(client_.health(plain()).idle, 0U);
}

TEST_F(ClientTest, SpeaksOverAUnixSocket) {
  const auto answer = loop_.run_until_done(fetch(client_, local(), request_of("GET", "/echo-host")));
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->body, "localhost");
}

TEST_F(ClientTest, KnowsResponsesWithoutABody) {
  for (const auto& [method, target] : {std::pair{"HEAD", "/big.bin"}, {"GET", "/empty"}}) {
    const auto answer = loop_.run_until_done(fetch(client_, plain(), request_of(method, target)));
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(answer->body, "");
    EXPECT_EQ(client_.health(plain()).idle, 1U);
  }
}

TEST_F(ClientTest, FramesRequests) {
  const auto length = [&](std::string method, Body body) {
    return loop_
        .run_until_done(fetch(client_, plain(), request_of(std::move(method), "/length", std::move(body))))
        .value_or(Answer{})
        .body;
  };
  EXPECT_EQ(length("GET", {}), "|");
  EXPECT_EQ(length("POST", {}), "0|");
  EXPECT_EQ(length("POST", Body(std::string(100'000, 'x'))), "100000|");
}

TEST_F(ClientTest, StreamsALargeResponse) {
  const auto answer = loop_.run_until_done(fetch(client_, plain(), request_of("GET", "/big.bin")));
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->body, std::string(kBig, 'b'));
  EXPECT_EQ(client_.health(plain()).idle, 1U);
}

TEST_F(ClientTest, TrustsTheCertificatesItIsGivenAndNoOthers) {
  const auto fetched_with = [&](ClientOptions options, Origin origin) {
    Client client(loop_, std::move(options));
    return loop_.run_until_done(fetch(client, std::move(origin), request_of("GET", "/hello.txt")));
  };
  const auto trusted = fetched_with({.ca_file = nginx->certificate()}, secure());
  ASSERT_TRUE(trusted) << trusted.error().message();
  EXPECT_EQ(trusted->body, "hello");
  EXPECT_TRUE(fetched_with({.ca_file = nginx->certificate()}, secure("127.0.0.1")));
  EXPECT_TRUE(fetched_with({.verify_tls = false}, secure()));

  const auto unknown = fetched_with({}, secure());
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message().find("not trusted"), std::string::npos) << unknown.error().message();
  EXPECT_EQ(unknown.error().details().value("phase", ""), "connect");
  EXPECT_FALSE(fetched_with({.ca_file = nginx->certificate()}, secure("localhost.localdomain")));
  EXPECT_FALSE(fetched_with({.ca_file = "/no/such/file"}, secure()));
}

TEST_F(ClientTest, StreamsOverTlsAndReusesIt) {
  Client client(loop_, {.ca_file = nginx->certificate()});
  std::string connection;
  for (int i = 0; i < 3; ++i) {
    const auto answer = loop_.run_until_done(fetch(client, secure(), request_of("GET", "/big.bin")));
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(answer->body.size(), kBig);
    if (i > 0) EXPECT_EQ(answer->headers.value("x-connection"), connection);
    connection = answer->headers.value("x-connection");
  }
}

Task<Result<>> drop_unread(Client& client, Origin origin) {
  ACLOUD_CO_TRY(Response response, co_await client.send(origin, request_of("GET", "/slow")));
  ACLOUD_CO_TRY(const std::string some, co_await response.body.read());
  EXPECT_FALSE(some.empty());
  EXPECT_EQ(client.health(origin).in_use, 1U);
  co_return Result<>();
}

TEST_F(ClientTest, ClosesAConnectionWhoseBodyIsDropped) {
  ASSERT_TRUE(loop_.run_until_done(drop_unread(client_, plain())));
  EXPECT_EQ(client_.health(plain()).in_use, 0U);
  EXPECT_EQ(client_.health(plain()).idle, 0U);
}

TEST_F(ClientTest, ClosesIdleConnectionsInTime) {
  Client client(loop_, {.idle_time = 1s});
  ASSERT_TRUE(loop_.run_until_done(fetch(client, plain(), request_of("GET", "/hello.txt"))));
  EXPECT_EQ(client.health(plain()).idle, 1U);
  (void)loop_.run_until_done(async::sleep_for(1050ms));
  EXPECT_EQ(client.health(plain()).idle, 0U);
}

Task<> note_order(Client& client, Origin origin, int number, std::vector<int>& order) {
  if (co_await fetch(client, origin, request_of("GET", "/hello.txt"))) order.push_back(number);
}

Task<> queue_up(Client& client, Origin origin, std::vector<int>& order) {
  async::TaskScope scope;
  async::TaskScope leaving;
  for (int i = 0; i < 4; ++i) {
    (i == 2 ? leaving : scope).spawn(note_order(client, origin, i, order));
  }
  EXPECT_EQ(client.health(origin).in_use, 1U);
  EXPECT_EQ(client.health(origin).waiting, 3U);
  leaving.cancel();
  co_await leaving.join();
  EXPECT_EQ(client.health(origin).waiting, 2U);
  co_await scope.join();
}

TEST_F(ClientTest, ServesThoseWhoWaitInTheirOrder) {
  Client client(loop_, {.connections_per_origin = 1});
  std::vector<int> order;
  loop_.run_until_done(queue_up(client, plain(), order));
  EXPECT_EQ(order, (std::vector{0, 1, 3}));
  EXPECT_EQ(client.health(plain()).in_use, 0U);
}

// Counts what it gives, 64 KB at a time.
class Flood final : public Stream {
 public:
  explicit Flood(std::uint64_t left) : left_(left) {}
  Task<Result<std::string>> read() override {
    const auto size = std::min<std::uint64_t>(left_, 64 * 1024);
    left_ -= size;
    co_return std::string(size, 'f');
  }

 private:
  std::uint64_t left_;
};

std::size_t resident_kib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word == "VmRSS:") break;
  }
  std::size_t kib = 0;
  status >> kib;
  return kib;
}

TEST_F(ClientTest, StreamsALargeRequestWithoutHoldingIt) {
  constexpr std::uint64_t kSize = 128 << 20;
  for (const bool chunked : {false, true}) {
    std::uint64_t received = 0;
    std::size_t peak = 0;
    const std::size_t before = resident_kib();
    testing::RawServer server([&](testing::RawConnection& connection) {
      connection.read_until("\r\n\r\n");
      for (std::string end; chunked ? !end.ends_with("0\r\n\r\n") : received < kSize;) {
        const std::string bytes = connection.read_some(1 << 20);
        if (bytes.empty()) return;
        received += bytes.size();
        peak = std::max(peak, resident_kib());
        end = (end + bytes.substr(bytes.size() - std::min<std::size_t>(5, bytes.size())));
        end.erase(0, end.size() - std::min<std::size_t>(5, end.size()));
      }
      connection.send(testing::ok_response("done"));
    });
    const auto length = chunked ? std::nullopt : std::optional(kSize);
    const auto answer =
        loop_.run_until_done(fetch(client_, {"http", "127.0.0.1", server.port()},
                                   request_of("PUT", "/", Body(std::make_unique<Flood>(kSize), length))));
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(answer->body, "done");
    EXPECT_LT(peak, before + 16 * 1024);
  }
}

TEST_F(ClientTest, WritesChunksAsHttpHasThem) {
  std::string seen;
  testing::RawServer server([&](testing::RawConnection& connection) {
    seen = connection.read_until("0\r\n\r\n");
    connection.send(testing::ok_response(""));
  });
  ASSERT_TRUE(loop_.run_until_done(fetch(client_, {"http", "127.0.0.1", server.port()},
                                         request_of("POST", "/x?y", Body(std::make_unique<Flood>(3))))));
  EXPECT_EQ(seen, fmt::format("POST /x?y HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nTransfer-Encoding: chunked\r\n\r\n"
                              "3\r\nfff\r\n0\r\n\r\n",
                              server.port()));
}

}  // namespace
}  // namespace acloud::net
