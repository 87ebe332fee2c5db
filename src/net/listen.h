// Listening sockets, as descriptors.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace acloud::net {

// Binds and listens on "host:port", "[::1]:port" or "unix:/path"; non-blocking. A socket file that nobody
// listens on any more is replaced. Looks names up, so it may block.
// Errors: invalid_argument (address), conflict (in use), permission_denied, unavailable.
Result<int> listen_on(std::string_view address);

// The address that a socket is bound to, or connected with, as "ip:port", "[ip]:port" or "unix:/path".
std::string local_address(int fd);
std::string peer_address(int fd);
// The port of "ip:port" or "[ip]:port"; 0 where there is none.
std::uint16_t port_of(std::string_view address);

}  // namespace acloud::net
