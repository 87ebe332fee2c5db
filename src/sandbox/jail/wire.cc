#include "sandbox/jail/wire.h"

#include <sys/socket.h>

#include <cerrno>

namespace acloud::sandbox::jail {
namespace {

constexpr std::size_t kControlSize = CMSG_SPACE(kMaxDescriptors * sizeof(int));

void take_descriptors(msghdr& header, std::vector<Fd>& fds) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      fds.emplace_back(fd);
    }
  }
}

}  // namespace

Result<std::pair<Fd, Fd>> make_socket_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    return fail_errno(errno, "cannot make a socket pair");
  }
  return std::pair{Fd(ends[0]), Fd(ends[1])};
}

Result<> send(int socket, std::string_view bytes, std::span<const int> fds) {
  if (bytes.size() > kMaxMessage || fds.size() > kMaxDescriptors) {
    return fail(ErrorCode::too_large, "a message of {} bytes and {} descriptors is larger than {} and {}",
                bytes.size(), fds.size(), kMaxMessage, kMaxDescriptors);
  }
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, kControlSize> control{};
  if (!fds.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
  }
  while (::sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    if (errno == EINTR) continue;
    return fail(ErrorCode::unavailable, "cannot send to the jail: {}", ::strerror(errno));
  }
  return {};
}

Result<std::optional<Received>> receive(int socket) {
  // Not on the stack, and of a size that only large messages touch: init should stay small.
  static thread_local std::array<char, kMaxMessage> buffer;
  iovec part{buffer.data(), buffer.size()};
  alignas(cmsghdr) std::array<char, kControlSize> control;
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t size = 0;
  do {
    size = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
  if (size < 0) return fail(ErrorCode::unavailable, "cannot hear from the jail: {}", ::strerror(errno));
  Received received;
  take_descriptors(header, received.fds);
  // An empty datagram is never sent: it is the end.
  if (size == 0) return fail(ErrorCode::unavailable, "the other end is gone");
  if ((header.msg_flags & MSG_CTRUNC) != 0) {
    return fail(ErrorCode::unavailable,
                "no file descriptors are left: raise the server's limit (ulimit -n, LimitNOFILE)");
  }
  if ((header.msg_flags & MSG_TRUNC) != 0)
    return fail(ErrorCode::internal, "a message was cut off: too large");
  received.bytes.assign(buffer.data(), static_cast<std::size_t>(size));
  return received;
}

}  // namespace acloud::sandbox::jail
