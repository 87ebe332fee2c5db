#include "net/server.h"

#include <fmt/ranges.h>
#include <unistd.h>

#include <latch>

#include "async/channel.h"
#include "async/wait.h"
#include "net/server_test_support.h"
#include "net/sse.h"

namespace acloud::net {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr std::string_view kLastGet = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

ServerOptions with(Limits limits) { return {.listen = "127.0.0.1:0", .limits = limits}; }

TEST(Server, AnswersAndKeepsTheConnection) {
  TestServer server(echo);
  RawClient client(server.address());
  for (int i = 0; i < 3; ++i) {
    client.send(fmt::format("POST /{} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", i));
    const std::string response = client.read_response();
    EXPECT_EQ(status_of(response), 200);
    EXPECT_EQ(body_of(response), fmt::format("POST /{} abc", i));
    EXPECT_NE(response.find("\r\ndate: "), std::string::npos);
  }
  EXPECT_EQ(server.server().stats().requests_total, 3u);
  EXPECT_EQ(server.server().stats().connections_total, 1u);
}

TEST(Server, HandlesTheConnectionHeaderOfBothVersions) {
  TestServer server(echo);
  EXPECT_EQ(body_of(server.ask(kLastGet)), "GET / ");
  EXPECT_EQ(body_of(server.ask("GET / HTTP/1.0\r\n\r\n")), "GET / ");
  RawClient old(server.address());
  old.send("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_NE(old.read_response().find("connection: keep-alive\r\n"), std::string::npos);
  old.send("GET /2 HTTP/1.0\r\n\r\n");
  EXPECT_EQ(body_of(old.read_all()), "GET /2 ");
}

TEST(Server, AnswersPipelinedRequestsInTheirOrder) {
  TestServer server(echo);
  RawClient client(server.address());
  std::string requests;
  for (int i = 0; i < 200; ++i) {
    requests += fmt::format("POST /{} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxy\r\n", i);
  }
  client.send(requests);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(body_of(client.read_response()), fmt::format("POST /{} xy", i));
}

TEST(Server, TakesRequestsByteByByte) {
  TestServer server(echo);
  RawClient client(server.address());
  const std::string_view request =
      "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=1\r\nde\r\n0\r\nT: "
      "1\r\n\r\n";
  for (int i = 0; i < 2; ++i) {
    for (const char byte : request) ASSERT_TRUE(client.send({&byte, 1}));
    EXPECT_EQ(body_of(client.read_response()), "POST /a abcde");
  }
}

TEST(Server, AnswersHeadWithTheHeadersOfGet) {
  TestServer server([](Request& request) -> Task<Response> {
    Response response{.body = Body(std::string("hello"))};
    if (request.target == "/own") response = {.headers = {{"content-length", "12345"}}};
    co_return response;
  });
  RawClient client(server.address());
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\nHEAD /own HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_NE(client.read_until("\r\n\r\n").find("content-length: 5\r\n"), std::string::npos);
  const std::string own = client.read_all();
  EXPECT_NE(own.find("content-length: 12345\r\n"), std::string::npos) << own;
  EXPECT_EQ(own.find("content-length: 0"), std::string::npos) << own;
  EXPECT_EQ(body_of(own), "");
}

TEST(Server, SendsNoBodyWhereTheStatusHasNone) {
  TestServer server([](Request&) -> Task<Response> {
    co_return Response{.status = 204, .body = Body(std::string("ignored"))};
  });
  EXPECT_TRUE(server.ask(kLastGet).ends_with("\r\n\r\n"));
}

TEST(Server, ContinuesOnlyWhenTheBodyIsWanted) {
  TestServer server([](Request& request) -> Task<Response> {
    if (request.target == "/no") co_return Response{.status = 403};
    co_return co_await echo(request);
  });
  const std::string_view rest = " HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
  RawClient client(server.address());
  client.send(fmt::format("POST /yes{}", rest));
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("abc");
  EXPECT_EQ(body_of(client.read_response()), "POST /yes abc");
  client.send(fmt::format("POST /no{}", rest));
  const std::string refused = client.read_response();
  EXPECT_EQ(status_of(refused), 403);
  EXPECT_NE(refused.find("connection: close"), std::string::npos);
  client.end_sending();
  EXPECT_TRUE(client.at_end());
}

TEST(Server, KeepsTheConnectionWhereASmallBodyWasNotRead) {
  TestServer server(
      [](Request&) -> Task<Response> { co_return Response{.body = Body(std::string("done"))}; });
  RawClient client(server.address());
  client.send(
      fmt::format("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n{}", std::string(60000, 'x')));
  EXPECT_EQ(body_of(client.read_response()), "done");
  client.send(kGet);
  EXPECT_EQ(body_of(client.read_response()), "done");
}

TEST(Server, TheResponseToALargeBodyNobodyReadsStillArrives) {
  TestServer server(
      [](Request&) -> Task<Response> { co_return Response{.status = 403, .body = Body(std::string("no"))}; });
  RawClient client(server.address());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n");
  client.send(std::string(4'000'000, 'x'));
  client.end_sending();
  EXPECT_EQ(status_of(client.read_all()), 403);
}

class Numbers final : public Stream {
 public:
  explicit Numbers(int count) : count_(count) {}
  Task<Result<std::string>> read() override {
    co_await async::yield();
    if (next_ == count_) co_return std::string();
    co_return fmt::format("{},", next_++);
  }

 private:
  int count_;
  int next_ = 0;
};

TEST(Server, StreamsWithAndWithoutAKnownLength) {
  TestServer server([](Request& request) -> Task<Response> {
    std::optional<std::uint64_t> length;
    if (request.target == "/known") length = 6;
    co_return Response{.body = Body(std::make_unique<Numbers>(3), length)};
  });
  RawClient client(server.address());
  client.send("GET /known HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(body_of(client.read_response()), "0,1,2,");
  client.send(kGet);
  const std::string chunked = client.read_until("0\r\n\r\n");
  EXPECT_NE(chunked.find("transfer-encoding: chunked"), std::string::npos);
  EXPECT_EQ(body_of(chunked), "2\r\n0,\r\n2\r\n1,\r\n2\r\n2,\r\n0\r\n\r\n");
  EXPECT_EQ(body_of(server.ask("GET / HTTP/1.0\r\n\r\n")), "0,1,2,");
}

TEST(Server, BreaksTheConnectionWhereAStreamIsNotWhole) {
  TestServer server([](Request& request) -> Task<Response> {
    if (request.target == "/short") co_return Response{.body = Body(std::make_unique<Numbers>(3), 100)};
    co_return Response{.produce = [](BodyWriter& out) -> Task<Result<>> {
      ACLOUD_CO_CHECK(co_await out.write("some"));
      co_return fail(ErrorCode::internal, "the source broke");
    }};
  });
  EXPECT_EQ(body_of(server.ask("GET /short HTTP/1.1\r\nHost: a\r\n\r\n")).size(), 6u);
  const std::string cut = server.ask(kGet);
  EXPECT_TRUE(cut.ends_with("4\r\nsome\r\n")) << cut;
}

Task<Result<>> write_target(const Request& request, BodyWriter& out) {
  ACLOUD_CO_CHECK(co_await out.write(""));  // ends nothing
  ACLOUD_CO_CHECK(co_await out.write(request.target));
  co_return co_await out.write("!");
}

TEST(Server, LetsAHandlerProduceItsBody) {
  TestServer server([](Request& request) -> Task<Response> {
    co_return Response{.produce = [&request](BodyWriter& out) { return write_target(request, out); }};
  });
  RawClient client(server.address());
  client.send("GET /abc HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(body_of(client.read_until("0\r\n\r\n")), "4\r\n/abc\r\n1\r\n!\r\n0\r\n\r\n");
}

TEST(Server, LeavesOutHeadersThatWouldForgeFraming) {
  TestServer server([](Request&) -> Task<Response> {
    co_return Response{
        .headers = {{"x", "a\r\nforged: 1"}, {"content-length", "99"}, {"transfer-encoding", "chunked"}},
        .body = Body(std::string("ok"))};
  });
  const std::string response = server.ask(kLastGet);
  EXPECT_EQ(response.find("\r\nforged"), std::string::npos);
  EXPECT_EQ(response.find("99"), std::string::npos);
  EXPECT_EQ(response.find("chunked"), std::string::npos);
  EXPECT_TRUE(response.ends_with("\r\n\r\nok"));
}

TEST(Server, AnExceptionInAHandlerIsAnswered500) {
  TestServer server([](Request&) -> Task<Response> {
    throw std::runtime_error("a bug");
    co_return Response{};
  });
  RawClient client(server.address());
  client.send(kGet);
  EXPECT_EQ(status_of(client.read_response()), 500);
  client.send(kGet);
  EXPECT_EQ(status_of(client.read_response()), 500);
}

// Waits until its task is stopped, and says so.
struct Waiting {
  std::atomic<int> started = 0, stopped = 0;
  Handler handler() {
    return [this](Request&) { return wait(*this); };
  }
  static Task<Response> wait(Waiting& self) {
    ++self.started;
    if (!co_await async::sleep_for(1h)) ++self.stopped;
    co_return Response{};
  }
};

TEST(Server, StopsTheHandlerWhenTheClientGoesAway) {
  Waiting waiting;
  TestServer server(waiting.handler());
  {
    RawClient closing(server.address()), resetting(server.address());
    closing.send(kGet);
    resetting.send(kGet);
    ASSERT_TRUE(eventually([&] { return waiting.started == 2; }));
    resetting.reset();
    ASSERT_TRUE(eventually([&] { return waiting.stopped == 1; }));
  }
  EXPECT_TRUE(eventually([&] { return waiting.stopped == 2; }));
  EXPECT_TRUE(eventually([&] { return server.server().stats().connections_open == 0; }));
}

Task<Result<>> write_and_wait(BodyWriter& out, std::atomic<bool>& stopped) {
  ACLOUD_CO_CHECK(co_await out.write("first"));
  auto slept = co_await async::sleep_for(1h);
  stopped = !slept;
  co_return slept;
}

Task<Response> respond(Response response) { co_return std::move(response); }

TEST(Server, StopsAStreamWhenTheClientGoesAway) {
  std::atomic<bool> stopped = false;
  TestServer server([&stopped](Request&) {
    return respond({.produce = [&stopped](BodyWriter& out) { return write_and_wait(out, stopped); }});
  });
  {
    RawClient client(server.address());
    client.send(kGet);
    client.read_until("first");
  }
  EXPECT_TRUE(eventually([&] { return stopped.load(); }));
}

TEST(Server, AnswersAClientThatOnlyEndedItsSide) {
  TestServer server(echo);
  RawClient client(server.address());
  client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
  client.end_sending();
  EXPECT_EQ(body_of(client.read_all()), "POST /a abc");
}

// Answers /slow when it may.
struct Slow {
  std::latch may_go{1};
  std::atomic<bool> started = false;
  async::BlockingPool pool{"test", 1};
  static Task<Response> answer(Slow& self, const Request& request) {
    if (request.target == "/slow") {
      self.started = true;
      co_await async::run_blocking(self.pool, [&self] { self.may_go.wait(); });
    }
    co_return Response{.body = Body(std::string("done"))};
  }
};

TEST(Server, DrainEndsIdleConnectionsAndWaitsForTheOthers) {
  Slow slow;
  TestServer server([&slow](Request& request) { return Slow::answer(slow, request); });
  RawClient idle(server.address()), busy(server.address());
  idle.send(kGet);
  idle.read_response();
  busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return slow.started.load(); }));
  std::jthread draining([&] { server.server().drain(1h); });
  EXPECT_TRUE(idle.at_end());
  slow.may_go.count_down();
  const std::string last = busy.read_all();
  EXPECT_NE(last.find("connection: close"), std::string::npos);
  EXPECT_EQ(body_of(last), "done");
}

TEST(Server, DrainCancelsWhatIsNotDoneInItsTime) {
  Waiting waiting;
  TestServer server(waiting.handler());
  RawClient client(server.address());
  client.send(kGet);
  ASSERT_TRUE(eventually([&] { return waiting.started == 1; }));
  server.server().drain(10ms);
  EXPECT_EQ(waiting.stopped, 1);
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(server.server().stats().connections_open, 0u);
}

TEST(Server, TurnsConnectionsBeyondItsLimitAway) {
  TestServer server(echo, with({.connections = 2}));
  RawClient first(server.address()), second(server.address());
  first.send(kGet);
  EXPECT_EQ(status_of(first.read_response()), 200);
  second.send(kGet);
  EXPECT_EQ(status_of(second.read_response()), 200);
  {
    RawClient third(server.address());
    third.send(kGet);
    const std::string response = third.read_response();
    EXPECT_EQ(status_of(response), 503);
    EXPECT_NE(response.find("unavailable"), std::string::npos);
  }
  first.reset();
  ASSERT_TRUE(eventually([&] { return server.server().stats().connections_open == 1; }));
  RawClient fourth(server.address());
  fourth.send(kGet);
  EXPECT_EQ(status_of(fourth.read_response()), 200);
}

TEST(Server, ListensOnIpv6AndUnixSockets) {
  TestServer six(echo, {.listen = "[::1]:0"});
  EXPECT_EQ(body_of(six.ask(kLastGet)), "GET / ");
  std::string folder = "/tmp/acloud-net-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string address = "unix:" + folder + "/socket";
  {
    TestServer local(echo, {.listen = address});
    EXPECT_EQ(local.address(), address);
    EXPECT_EQ(body_of(local.ask(kLastGet)), "GET / ");
  }
  EXPECT_EQ(::rmdir(folder.c_str()), 0);  // the socket is gone
}

TEST(Server, SaysWhyItCantListen) {
  TestServer server(echo);
  async::LoopThreads loops(1);
  const auto code = [&](ServerOptions options) {
    Server other(loops, std::move(options), echo, [](const Error&) { return Response{}; });
    return other.start().error().code();
  };
  EXPECT_EQ(code({.listen = server.address()}), ErrorCode::conflict);
  EXPECT_EQ(code({.listen = "nonsense"}), ErrorCode::invalid_argument);
  EXPECT_EQ(code({.listen = "127.0.0.1:notaport"}), ErrorCode::invalid_argument);
  EXPECT_EQ(code({.listen = "127.0.0.1:0", .tls = TlsFiles{"/nowhere.pem", "/nowhere.key"}}),
            ErrorCode::invalid_argument);
}

TEST(Server, SpreadsConnectionsEvenlyOverItsLoops) {
  std::mutex mutex;
  std::map<async::EventLoop*, int> loops;
  TestServer server([&](Request&) {
    const std::lock_guard lock(mutex);
    ++loops[async::EventLoop::current()];
    return respond({});
  });
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.address()));
    clients.back()->send(kGet);
    clients.back()->read_response();
  }
  ASSERT_EQ(loops.size(), 2u);
  for (const auto& [loop, count] : loops) EXPECT_EQ(count, 5);
}

}  // namespace
}  // namespace acloud::net
