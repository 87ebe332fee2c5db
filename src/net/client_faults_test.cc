// What the client says of servers that misbehave, and what it never does: send a request twice.
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "async/event_loop.h"
#include "async/task_scope.h"
#include "net/client.h"
#include "net/testing/raw_server.h"

namespace acloud::net {
namespace {

using namespace std::chrono_literals;
using testing::ok_response;
using testing::RawConnection;
using testing::RawServer;

Origin origin_of(const RawServer& server) { return {"http", "127.0.0.1", server.port()}; }

Request get(std::string target = "/") {
  Request request;
  request.target = std::move(target);
  return request;
}

Request post(Body body) {
  Request request;
  request.method = "POST";
  request.body = std::move(body);
  return request;
}

// A response read whole.
struct RawAnswer {
  int status = 0;
  std::string body;
};

Task<Result<RawAnswer>> fetch_raw(Client& client, Origin origin, Request request) {
  ACLOUD_CO_TRY(Response response, co_await client.send(origin, std::move(request)));
  ACLOUD_CO_TRY(std::string body, co_await response.body.read_all(1 << 30));
  co_return RawAnswer{response.status, std::move(body)};
}

std::string phase_of(const Error& error) { return error.details().value("phase", "none"); }

class ClientFaults : public ::testing::Test {
 protected:
  Result<RawAnswer> fetch_from(const RawServer& server, Request request = get()) {
    return loop_.run_until_done(fetch_raw(client_, origin_of(server), std::move(request)));
  }
  Result<RawAnswer> hastily_fetch_from(const RawServer& server, Request request = get()) {
    return loop_.run_until_done(fetch_raw(hasty_, origin_of(server), std::move(request)));
  }
  // Fetches from a server that sends `bytes` after the request and closes.
  Result<RawAnswer> fetch_answered_by(const std::string& bytes) {
    RawServer server([&](RawConnection& connection) {
      connection.read_request();
      connection.send(bytes);
    });
    return fetch_from(server);
  }
  void expect_failure(const Result<RawAnswer>& result, ErrorCode code, const std::string& phase) {
    ASSERT_FALSE(result);
    EXPECT_EQ(traits(result.error().code()).name, traits(code).name) << result.error().message();
    EXPECT_EQ(phase_of(result.error()), phase) << result.error().message();
  }

  async::EventLoop loop_;
  // Waits for as long as a busy machine may take; `hasty_` is for servers that never come.
  Client client_{loop_, {.first_byte_time = 20s, .between_bytes_time = 20s}};
  Client hasty_{loop_, {.connect_time = 200ms, .first_byte_time = 200ms, .between_bytes_time = 200ms}};
};

TEST_F(ClientFaults, SaysThatAServerRefuses) {
  std::uint16_t port = 0;
  {
    const RawServer gone([](RawConnection&) {});
    port = gone.port();
  }
  const Origin origin{"http", "127.0.0.1", port};
  expect_failure(loop_.run_until_done(fetch_raw(client_, origin, get())), ErrorCode::unavailable, "connect");
  EXPECT_EQ(client_.health(origin).failures_in_a_row, 1U);
}

TEST_F(ClientFaults, SaysThatAHostHasNoAddress) {
  const Origin origin{"http", "no-such-host.invalid", 80};
  const auto result = loop_.run_until_done(fetch_raw(client_, origin, get()));
  ASSERT_FALSE(result);
  EXPECT_EQ(phase_of(result.error()), "connect");
}

TEST_F(ClientFaults, GivesUpOnAServerThatHangs) {
  RawServer server([](RawConnection& connection) { connection.wait_for_close(); });
  expect_failure(hastily_fetch_from(server), ErrorCode::deadline_exceeded, "headers");
  EXPECT_EQ(hasty_.health(origin_of(server)).in_use, 0U);
}

TEST_F(ClientFaults, GivesUpOnATlsHandshakeThatHangs) {
  RawServer server([](RawConnection& connection) { connection.wait_for_close(); });
  const Origin origin{"https", "127.0.0.1", server.port()};
  expect_failure(loop_.run_until_done(fetch_raw(hasty_, origin, get())), ErrorCode::deadline_exceeded,
                 "connect");
}

TEST_F(ClientFaults, GivesUpOnABodyThatStalls) {
  RawServer server([](RawConnection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    connection.wait_for_close();
  });
  expect_failure(hastily_fetch_from(server), ErrorCode::deadline_exceeded, "body");
}

TEST_F(ClientFaults, GivesUpOnAServerThatStopsReading) {
  std::atomic<bool> done = false;
  RawServer server([&](RawConnection& connection) {
    connection.read_until("\r\n\r\n");
    done.wait(false);
  });
  expect_failure(hastily_fetch_from(server, post(std::string(64 << 20, 'x'))), ErrorCode::deadline_exceeded,
                 "send");
  done = true;
  done.notify_all();
}

TEST_F(ClientFaults, TellsWhereTheConnectionBroke) {
  expect_failure(fetch_answered_by(""), ErrorCode::unavailable, "headers");
  expect_failure(fetch_answered_by("HTTP/1.1 200 OK\r\nContent-"), ErrorCode::unavailable, "headers");
  expect_failure(fetch_answered_by("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
                 ErrorCode::unavailable, "body");
  expect_failure(fetch_answered_by("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"),
                 ErrorCode::unavailable, "body");
}

TEST_F(ClientFaults, RefusesWhatIsNotHttp) {
  for (const std::string bytes :
       {"SSH-2.0-OpenSSH_9.2\r\n", "\x16\x03\x01garbage\r\n\r\n", "HTTP/1.1 abc\r\n\r\n",
        "HTTP/3.0 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"}) {
    SCOPED_TRACE(bytes);
    expect_failure(fetch_answered_by(bytes), ErrorCode::unavailable, "headers");
  }
  expect_failure(fetch_answered_by("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n"),
                 ErrorCode::unavailable, "body");
}

TEST_F(ClientFaults, BoundsHeadersAndInterimResponses) {
  expect_failure(fetch_answered_by("HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n"),
                 ErrorCode::unavailable, "headers");
  std::string endless;
  for (int i = 0; i < 1000; ++i) endless += "HTTP/1.1 103 Early Hints\r\n\r\n";
  expect_failure(fetch_answered_by(endless), ErrorCode::unavailable, "headers");
}

TEST_F(ClientFaults, ReadsPastInterimResponses) {
  const auto answer = fetch_answered_by(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok_response("hello"));
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->body, "hello");
}

TEST_F(ClientFaults, TakesABodyThatEndsWithTheConnection) {
  const auto answer = fetch_answered_by("HTTP/1.0 200 OK\r\n\r\nall of it");
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->body, "all of it");
}

TEST_F(ClientFaults, ReplacesAConnectionThatWasClosedWhileIdle) {
  std::atomic<int> requests = 0;
  RawServer server([&](RawConnection& connection) {
    if (connection.read_request().empty()) return;
    ++requests;
    connection.send(ok_response("once"));  // and closes, without saying that it will
  });
  for (int i = 1; i <= 5; ++i) {
    const auto answer = fetch_from(server);
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(requests, i);
  }
}

TEST_F(ClientFaults, NeverSendsTwiceWhatMayHaveBeenProcessed) {
  std::atomic<int> requests = 0;
  RawServer server([&](RawConnection& connection) {
    connection.read_request();
    connection.send(ok_response("first"));
    if (!connection.read_request().empty()) ++requests;  // taken, and then the server dies
  });
  ASSERT_TRUE(fetch_from(server));
  expect_failure(fetch_from(server), ErrorCode::unavailable, "headers");
  EXPECT_EQ(requests, 1);
  EXPECT_EQ(server.connections(), 1);
}

// The server closes at any moment, before and after it has taken a request.
TEST_F(ClientFaults, NeverSendsTwiceWhereClosingAndSendingRace) {
  std::mutex mutex;
  std::multiset<std::string> seen;
  RawServer server([&](RawConnection& connection) {
    for (int i = 0; i < 2; ++i) {
      const std::string request = connection.read_request();
      if (request.empty()) return;
      {
        const std::lock_guard lock(mutex);
        seen.insert(request.substr(0, request.find(" HTTP")));
      }
      connection.send(ok_response("x"));
      std::this_thread::yield();
    }
  });
  int answered = 0;
  for (int i = 0; i < 300; ++i) {
    if (fetch_from(server, get(fmt::format("/{}", i)))) ++answered;
  }
  EXPECT_GT(answered, 200);
  const std::lock_guard lock(mutex);
  for (const auto& request : seen) EXPECT_EQ(seen.count(request), 1U) << request;
}

TEST_F(ClientFaults, HearsARefusalBeforeTheBodyIsSent) {
  RawServer server([&](RawConnection& connection) {
    connection.read_until("\r\n\r\n");
    connection.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
    connection.wait_for_close();
  });
  const auto answer = fetch_from(server, post(std::string(64 << 20, 'x')));
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->status, 413);
  EXPECT_EQ(client_.health(origin_of(server)).idle, 0U);
}

TEST_F(ClientFaults, DoesNotReuseAConnectionThatSaidMoreThanAsked) {
  RawServer server([](RawConnection& connection) {
    connection.read_request();
    connection.send(ok_response("mine") + "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
    connection.wait_for_close();
  });
  for (int i = 0; i < 3; ++i) {
    const auto answer = fetch_from(server);
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(answer->body, "mine");
  }
  EXPECT_EQ(server.connections(), 3);
}

TEST_F(ClientFaults, RefusesRequestsThatWouldBecomeTwo) {
  RawServer server([](RawConnection& connection) { connection.wait_for_close(); });
  Request request = get("/a b");
  expect_failure(fetch_from(server, std::move(request)), ErrorCode::invalid_argument, "none");
  request = get("/\r\nHost: evil");
  expect_failure(fetch_from(server, std::move(request)), ErrorCode::invalid_argument, "none");
  request = get();
  request.headers.add("x", "1\r\ny: 2");
  expect_failure(fetch_from(server, std::move(request)), ErrorCode::invalid_argument, "none");
  request = get();
  request.headers.add("a b", "1");
  expect_failure(fetch_from(server, std::move(request)), ErrorCode::invalid_argument, "none");
  request = get();
  request.method = "GET /x HTTP/1.1\r\n\r\nPOST";
  expect_failure(fetch_from(server, std::move(request)), ErrorCode::invalid_argument, "none");
  EXPECT_EQ(server.connections(), 0);
}

// A body that says one length and has another, or breaks.
class OddStream final : public Stream {
 public:
  explicit OddStream(std::vector<Result<std::string>> pieces) : pieces_(std::move(pieces)) {}
  Task<Result<std::string>> read() override {
    if (pieces_.empty()) co_return "";
    auto piece = std::move(pieces_.front());
    pieces_.erase(pieces_.begin());
    co_return piece;
  }

 private:
  std::vector<Result<std::string>> pieces_;
};

TEST_F(ClientFaults, FailsWhereTheRequestsBodyIsNotWhatItSays) {
  RawServer server([](RawConnection& connection) { connection.wait_for_close(); });
  const auto odd = [](std::vector<Result<std::string>> pieces, std::optional<std::uint64_t> length) {
    return post(Body(std::make_unique<OddStream>(std::move(pieces)), length));
  };
  expect_failure(fetch_from(server, odd({"12345"}, 4)), ErrorCode::invalid_argument, "none");
  expect_failure(fetch_from(server, odd({"123"}, 4)), ErrorCode::invalid_argument, "none");
  const auto broken = fetch_from(server, odd({"123", fail(ErrorCode::too_large, "source")}, std::nullopt));
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().message(), "source");
}

Task<> fetch_into(Client& client, Origin origin, std::optional<Result<RawAnswer>>& into) {
  into = co_await fetch_raw(client, origin, get());
}

Task<> cancel_once(const std::atomic<bool>& sent, Client& client, Origin origin,
                   std::optional<Result<RawAnswer>>& into) {
  async::TaskScope scope;
  scope.spawn(fetch_into(client, origin, into));
  while (!sent) (void)co_await async::sleep_for(1ms);
  scope.cancel();
  co_await scope.join();
}

TEST_F(ClientFaults, ClosesTheConnectionWhenCancelled) {
  for (const std::string sent : {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"}) {
    std::atomic<bool> has_sent = false;
    std::atomic<bool> closed = false;
    std::optional<Result<RawAnswer>> result;
    {
      RawServer server([&](RawConnection& connection) {
        connection.read_request();
        connection.send(sent);
        has_sent = true;
        connection.wait_for_close();
        closed = true;
      });
      loop_.run_until_done(cancel_once(has_sent, client_, origin_of(server), result));
      EXPECT_EQ(client_.health(origin_of(server)).in_use, 0U);
      EXPECT_EQ(client_.health(origin_of(server)).idle, 0U);
    }
    EXPECT_TRUE(closed);
    ASSERT_TRUE(result);
    ASSERT_FALSE(*result) << sent;
    EXPECT_EQ(result->error().code(), ErrorCode::cancelled);
  }
}

}  // namespace
}  // namespace acloud::net
