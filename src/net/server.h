// An HTTP/1.1 server: parses (Beast), hands each request to one handler, writes its response.
//
// Every limit below is kept whatever the peer does; a request that breaks one gets the documented error
// (400, 408, 413, 414, 431, 501, 503) in the shape that `error_response` gives, and the connection is closed
// where HTTP says so. Requests on one connection are answered in their order; one is handled at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "async/event_loop.h"
#include "net/http.h"

namespace acloud::net {

struct Limits {
  std::size_t header_bytes = 64 * 1024;
  std::uint64_t body_bytes = 1ULL << 40;  // a handler that reads a body whole sets its own, lower limit
  std::size_t connections = 10'000;       // beyond it a new one gets 503 and is closed
  std::chrono::milliseconds header_time{
      10'000};                                  // from the first byte of a request to the end of its headers
  std::chrono::milliseconds idle_time{75'000};  // between requests on a connection
  std::chrono::milliseconds body_stall{
      30'000};  // without a byte of an announced body, or of a response taken
  std::chrono::milliseconds total_time{24 * 3600 * 1000};  // for one request and its response
};

struct TlsFiles {
  std::string certificate;  // PEM chain
  std::string key;          // PEM
};

struct ServerOptions {
  // "host:port", "[::1]:port", or "unix:/path"; port 0 picks one. "": there are doors alone.
  std::string listen = "127.0.0.1:7300";
  Limits limits;
  std::optional<TlsFiles> tls;
};

// The request body must not be used after the handler's task has returned its response, except by the
// response's own stream. The stop token of the handler's task is stopped when the client goes away: when it
// ends or breaks its side of the connection. (That it may only have ended its side can't be told apart; a
// response that needs no more waiting is still sent.)
using Handler = std::function<Task<Response>(Request&)>;
// Makes the reply to a request that never reached the handler.
using ErrorResponse = std::function<Response(const Error&)>;

class Server {
 public:
  Server(async::LoopThreads& loops, ServerOptions options, Handler handler, ErrorResponse error_response);
  ~Server();  // as drain(0s), then waits

  // Binds and listens. Errors: invalid_argument (address), conflict (in use), permission_denied, and what
  // OpenSSL says of the certificate files.
  Result<> start();
  // "127.0.0.1:7300" as bound; for Unix sockets as given.
  std::string address() const;
  // Stops accepting, ends idle connections, lets running requests finish for `grace`, then cancels them.
  // Blocks the calling thread, which must not be a loop's. A handler that takes no notice of its stop is
  // waited for.
  void drain(std::chrono::milliseconds grace);

  // Another way in, beside the address: a listening socket that somebody else has bound, in a network of its
  // own. Its connections are served by the same handler, without TLS; the `peer` of their requests is its
  // name. Destroying it stops it and breaks its connections off. May outlive the server, not its loops.
  class Door {
   public:
    ~Door();
    struct State;

   private:
    friend class Server;
    Door(std::shared_ptr<State> state, int listener);
    std::shared_ptr<State> state_;  // shared with what serves it
    int listener_;                  // a second descriptor, to end the listening at once
  };
  // Takes `listener` over. At most `connections` are open at once; what comes beyond waits in the kernel. All
  // doors together leave a quarter of the server's connections to its address. Thread-safe.
  // REQUIRES: `name` is not empty.
  std::unique_ptr<Door> open_door(int listener, std::string name, std::size_t connections);

  struct Stats {
    std::uint64_t connections_open;
    std::uint64_t connections_total;
    std::uint64_t requests_total;
    std::uint64_t requests_active;
  };
  Stats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace acloud::net
