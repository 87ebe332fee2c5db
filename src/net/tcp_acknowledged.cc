// In a file of its own: the kernel's header, which alone has this field, and glibc's exclude each other.
#include "net/tcp_acknowledged.h"

#include <linux/tcp.h>
#include <sys/socket.h>

#include <cstddef>

namespace acloud::net {

std::optional<std::uint64_t> tcp_acknowledged(int fd) {
  constexpr int kTcpProtocol = 6;  // IPPROTO_TCP
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (::getsockopt(fd, kTcpProtocol, TCP_INFO, &info, &size) != 0 ||
      size < offsetof(tcp_info, tcpi_bytes_acked) + sizeof(info.tcpi_bytes_acked)) {
    return std::nullopt;
  }
  return info.tcpi_bytes_acked;
}

}  // namespace acloud::net
