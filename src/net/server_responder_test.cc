// Responses that a handler sends itself, piece by piece, while it runs.
#include <gtest/gtest.h>

#include "net/server_test_support.h"

namespace acloud::net {
namespace {

Task<Response> send_pieces(Request& request) {
  Responder& out = *request.responder;
  (void)co_await request.body.read_all(100);
  (void)co_await out.begin({.status = 201, .headers = {{"x-late", "yes"}}},
                           request.target == "/bare" ? "" : "first,");
  (void)co_await out.write("");
  (void)co_await out.write("second,");
  if (request.target != "/broken") (void)co_await out.finish(request.target == "/bare" ? "" : "last");
  co_return Response{.status = 500};
}

TEST(Responder, SendsWhatTheHandlerGivesWhileItRuns) {
  TestServer server(send_pieces);
  RawClient client(server.address());
  for (int i = 0; i < 3; ++i) {
    client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab");
    const std::string response = client.read_until("0\r\n\r\n");
    EXPECT_EQ(status_of(response), 201);
    EXPECT_NE(response.find("x-late: yes\r\n"), std::string::npos);
    EXPECT_EQ(body_of(response), "6\r\nfirst,\r\n7\r\nsecond,\r\n4\r\nlast\r\n0\r\n\r\n");
  }
  client.send("GET /bare HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(body_of(client.read_until("0\r\n\r\n")), "7\r\nsecond,\r\n0\r\n\r\n");
  EXPECT_EQ(server.server().stats().connections_total, 1u);
}

TEST(Responder, BreaksTheConnectionWhereItWasNotFinished) {
  TestServer server(send_pieces);
  EXPECT_TRUE(server.ask("GET /broken HTTP/1.1\r\nHost: a\r\n\r\n").ends_with("7\r\nsecond,\r\n"));
}

TEST(Responder, KnowsOldClientsAndHead) {
  TestServer server(send_pieces);
  EXPECT_EQ(body_of(server.ask("GET / HTTP/1.0\r\n\r\n")), "first,second,last");
  const std::string head = server.ask("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(status_of(head), 201);
  EXPECT_EQ(body_of(head), "");
}

}  // namespace
}  // namespace acloud::net
