#include "net/listen.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstring>

#include "net/dial.h"

namespace acloud::net {
namespace {

constexpr int kBacklog = 4096;

struct Endpoint {
  sockaddr_storage address{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
};

Result<Endpoint> unix_endpoint(std::string_view path) {
  Endpoint endpoint;
  auto* address = reinterpret_cast<sockaddr_un*>(&endpoint.address);
  if (path.empty() || path.size() >= sizeof address->sun_path) {
    return fail(ErrorCode::invalid_argument, "\"unix:{}\" has no path of 1 to {} bytes", path,
                sizeof address->sun_path - 1);
  }
  address->sun_family = AF_UNIX;
  path.copy(address->sun_path, path.size());
  endpoint.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return endpoint;
}

Result<Endpoint> tcp_endpoint(std::string_view text) {
  ACLOUD_TRY(const HostPort at, parse_host_port(text));
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(at.port);  // which getaddrinfo would take modulo 65536
  if (const int error = ::getaddrinfo(at.host.c_str(), port.c_str(), &hints, &found); error != 0) {
    return fail(ErrorCode::invalid_argument, "\"{}\" is no address: {}", text, ::gai_strerror(error));
  }
  Endpoint endpoint;
  std::memcpy(&endpoint.address, found->ai_addr, found->ai_addrlen);
  endpoint.size = found->ai_addrlen;
  ::freeaddrinfo(found);
  return endpoint;
}

// A socket file that a killed process left behind refuses connections.
void remove_stale(const Endpoint& endpoint) {
  const char* path = reinterpret_cast<const sockaddr_un*>(&endpoint.address)->sun_path;
  struct stat status{};
  if (::lstat(path, &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return;
  if (::connect(probe, endpoint.get(), endpoint.size) != 0 && errno == ECONNREFUSED) ::unlink(path);
  ::close(probe);
}

std::unexpected<Error> fail_to_listen(int error, std::string_view address) {
  switch (error) {
    case EADDRINUSE:
      return fail(ErrorCode::conflict, "{} is in use; stop what listens there or choose another", address);
    case EACCES:
    case EPERM:
      return fail(ErrorCode::permission_denied, "may not listen on {}", address);
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case ENOENT:
    case ENOTDIR:
      return fail(ErrorCode::invalid_argument, "can't listen on {}: {}", address, std::strerror(error));
    default:
      return fail_errno(error, fmt::format("listen on {}", address));
  }
}

std::string to_text(const sockaddr_storage& address, socklen_t size) {
  char text[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address);
    ::inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    return fmt::format("{}:{}", text, ntohs(v4->sin_port));
  }
  if (address.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address);
    ::inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    return fmt::format("[{}]:{}", text, ntohs(v6->sin6_port));
  }
  const auto* local = reinterpret_cast<const sockaddr_un*>(&address);
  const std::size_t most =
      size > offsetof(sockaddr_un, sun_path) ? size - offsetof(sockaddr_un, sun_path) : 0;
  return fmt::format("unix:{}", std::string_view(local->sun_path, ::strnlen(local->sun_path, most)));
}

}  // namespace

Result<int> listen_on(std::string_view address) {
  const bool is_unix = address.starts_with("unix:");
  ACLOUD_TRY(const Endpoint endpoint, is_unix ? unix_endpoint(address.substr(5)) : tcp_endpoint(address));
  const int fd = ::socket(endpoint.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail_to_listen(errno, address);
  const int on = 1;
  if (is_unix) {
    remove_stale(endpoint);
  } else {
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  }
  if (::bind(fd, endpoint.get(), endpoint.size) != 0 || ::listen(fd, kBacklog) != 0) {
    const int error = errno;
    ::close(fd);
    return fail_to_listen(error, address);
  }
  return fd;
}

std::string local_address(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "";
  return to_text(address, size);
}

std::string peer_address(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "";
  return to_text(address, size);
}

std::uint16_t port_of(std::string_view address) {
  std::uint16_t port = 0;
  if (address.starts_with("unix:")) return port;
  const std::string_view digits = address.substr(address.rfind(':') + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return port;
}

}  // namespace acloud::net
