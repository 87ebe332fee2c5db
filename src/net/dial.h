// Opening connected sockets, for the client and for plain streams.
//
// Include it in .cc files of src/net alone.
#pragma once

#include <cstdint>
#include <string>

#include "async/wait.h"
#include "net/client.h"
#include "net/http.h"
#include "net/transport.h"

namespace acloud::net {

// Tries the addresses of `host` in the resolver's order, each for a fair share of the time that is left, so
// that one that swallows packets doesn't use it up. Addresses out of `reach` are left out.
// Errors: unavailable (no such host, refused), invalid_argument (none is in reach), deadline_exceeded,
// cancelled.
Task<Result<Socket>> dial_tcp(std::string host, std::uint16_t port, async::Deadline by,
                              Reach reach = Reach::anywhere);
// Errors: unavailable (no such socket, nobody listens), deadline_exceeded, cancelled.
Task<Result<Socket>> dial_unix(std::string path, async::Deadline by);

// The socket as a plain stream.
std::unique_ptr<ByteStream> stream_of(Socket socket);

// "host:port" or "[v6]:port" taken apart. Errors: invalid_argument.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
Result<HostPort> parse_host_port(std::string_view address);

}  // namespace acloud::net
