// For tests of the server: one on loopback, and clients that send whatever bytes they like.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "net/server.h"

namespace acloud::net {

// A blocking socket. Every wait ends after `patience` with what has come so far.
class RawClient {
 public:
  explicit RawClient(const std::string& address,
                     std::chrono::milliseconds patience = std::chrono::seconds(10));
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // False where the peer is gone.
  bool send(std::string_view bytes);
  void end_sending();
  // Closes with a reset.
  void reset();
  // Whatever has come; "" at the peer's end.
  std::string read_some();
  // Everything up to the peer's end.
  std::string read_all();
  // Up to and including `mark`.
  std::string read_until(std::string_view mark);
  // One response with a content-length, or without a body.
  std::string read_response();
  // True where the peer has ended the connection, or does within the patience.
  bool at_end();

 private:
  bool fill();
  int fd_ = -1;
  std::string buffer_;
};

int status_of(std::string_view response);
std::string body_of(std::string_view response);

// A server with two loops, for as long as a test lasts. Errors are answered as "CODE: MESSAGE".
class TestServer {
 public:
  explicit TestServer(Handler handler, ServerOptions options = {.listen = "127.0.0.1:0"});
  std::string address() const { return server_.address(); }
  Server& server() { return server_; }
  async::EventLoop& loop() { return loops_.at(0); }
  // What `request` is answered with on a connection of its own, up to the end.
  std::string ask(std::string_view request) const;

 private:
  async::LoopThreads loops_{2};
  Server server_;
};

// Answers "METHOD TARGET BODY".
Task<Response> echo(Request& request);

// Waits for `condition`, which another thread makes true.
bool eventually(const std::function<bool()>& condition);

}  // namespace acloud::net
