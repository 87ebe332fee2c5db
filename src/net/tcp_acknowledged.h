#pragma once

#include <cstdint>
#include <optional>

namespace acloud::net {

// How many bytes of a TCP connection the peer's kernel has taken so far; nothing for other sockets.
std::optional<std::uint64_t> tcp_acknowledged(int fd);

}  // namespace acloud::net
