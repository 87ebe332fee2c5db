// Plain stream sockets, for what is not HTTP: the egress proxy, ports of sandboxes, child processes' pipes.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "async/wait.h"
#include "net/http.h"

namespace acloud::net {

// "host:port" or "unix:/path". Errors: unavailable (refused, no such host), deadline_exceeded, cancelled.
Task<Result<std::unique_ptr<ByteStream>>> connect(std::string_view address, async::Deadline by);

// The numeric addresses of `host`, resolved off the loop. Errors: not_found, deadline_exceeded, cancelled.
Task<Result<std::vector<std::string>>> resolve(std::string host, async::Deadline by);

// Takes over a connected socket or one end of a pipe or pty. Non-blocking mode is set here.
std::unique_ptr<ByteStream> adopt(int fd);

// Waits until `fd` is readable, without reading and without making it non-blocking, which a terminal or a
// pipe that other processes hold too would not survive. A plain file always is. Errors: cancelled, internal.
Task<Result<>> wait_readable(int fd);

// Accepts connections on a socket that is already bound and listening, on the running loop, until the
// listener is destroyed; `serve` is spawned for each.
class Listener {
 public:
  // Errors: conflict (in use), permission_denied, invalid_argument.
  static Result<std::unique_ptr<Listener>> bind(std::string_view address);
  static std::unique_ptr<Listener> adopt(int fd);
  ~Listener();
  std::string address() const;
  // Errors: cancelled; unavailable where the listener was closed.
  Task<Result<std::unique_ptr<ByteStream>>> accept();

 private:
  struct Impl;
  explicit Listener(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace acloud::net
