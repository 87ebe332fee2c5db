// An HTTP/1.1 client with a pool of connections for each origin.
//
// A Client belongs to one event loop. Connections are kept alive and used again; one that the server closed
// while idle is replaced unseen. A request that may have reached the server is never sent twice: only one of
// which the server's kernel took no byte goes out again.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "async/wait.h"
#include "net/http.h"

namespace acloud::net {

// Whom a client connects to. An address that somebody else has chosen may lead anywhere, also by a name that
// is looked up to an address of this machine or of the networks behind it.
enum class Reach { anywhere, public_internet };

struct ClientOptions {
  Reach reach = Reach::anywhere;
  std::size_t connections_per_origin = 256;  // further requests wait for one
  std::chrono::milliseconds connect_time{5'000};
  std::chrono::milliseconds first_byte_time{600'000};  // from the request's end to the response's headers
  std::chrono::milliseconds between_bytes_time{300'000};
  std::chrono::seconds idle_time{60};  // an unused connection is closed after it
  std::size_t header_bytes = 64 * 1024;
  std::string ca_file = "";  // PEM; "" uses the system's certificates
  bool verify_tls = true;
};

// Where a request goes: "http://host:port", "https://host", "unix:/path".
struct Origin {
  std::string scheme;
  std::string host;  // without brackets; the path for unix
  std::uint16_t port = 0;
  friend auto operator<=>(const Origin&, const Origin&) = default;
};

struct Url {
  Origin origin;
  std::string target;  // path and query, at least "/"
};
// Errors: invalid_argument.
Result<Url> parse_url(std::string_view text);

class Client {
 public:
  explicit Client(async::EventLoop& loop, ClientOptions options = {});
  ~Client();

  // The response's body streams from the connection: dropping it unread closes the connection. The request's
  // body is not touched any more when send() has returned: an answer of 300 and above that comes before the
  // body was sent ends the sending. No redirects are followed, nothing is decompressed; headers that speak of
  // the connection (Connection, Transfer-Encoding, ...) are left out.
  // Per-request limits: the options' times, unless `times` overrides them.
  // Errors: unavailable (refused, reset, no such host, not HTTP; details.phase is connect, send, headers or
  // body), deadline_exceeded (details.phase the same), cancelled, invalid_argument (the request can't be
  // written as HTTP; no address of the host may be reached), and those of the request's body.
  struct Times {
    std::optional<std::chrono::milliseconds> connect, first_byte, between_bytes;
  };
  Task<Result<Response>> send(const Origin& origin, Request request);
  Task<Result<Response>> send(const Origin& origin, Request request, Times times);

  // A WebSocket to `url` (http, https or ws, wss).
  Task<Result<std::unique_ptr<WebSocket>>> websocket(std::string_view url, Headers headers = {});

  struct OriginHealth {
    std::size_t idle, in_use, waiting;
    std::uint64_t
        failures_in_a_row;  // connects and requests that ended in unavailable since the last success
  };
  OriginHealth health(const Origin& origin) const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with the bodies that still stream
};

}  // namespace acloud::net
