#include "storage/database/sqlite/wire.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace acloud::storage::sqlite {
namespace {

std::unexpected<Error> gone() { return fail(ErrorCode::unavailable, "the other end of the socket is gone"); }

Result<> send_all(int socket, std::string_view bytes, const async::BlockingWait& wait) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      ACLOUD_CHECK(wait.ready(socket, POLLOUT));
    } else if (errno != EINTR) {
      return gone();
    }
  }
  return {};
}

Result<> receive_all(int socket, std::span<char> bytes, const async::BlockingWait& wait) {
  while (!bytes.empty()) {
    const ssize_t got = ::recv(socket, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(got));
    } else if (got < 0 && errno == EAGAIN) {
      ACLOUD_CHECK(wait.ready(socket, POLLIN));
    } else if (got == 0 || errno != EINTR) {
      return gone();
    }
  }
  return {};
}

}  // namespace

Result<> send_frame(int socket, std::string_view text, const async::BlockingWait& wait) {
  if (text.size() > kFrameMost) {
    return fail(ErrorCode::too_large, "{} bytes are too many for one message, the most is {}", text.size(),
                kFrameMost);
  }
  std::string frame(4, '\0');
  for (std::size_t i = 0; i < 4; ++i) frame[i] = static_cast<char>(text.size() >> (8 * i));
  frame += text;
  return send_all(socket, frame, wait);
}

Result<std::string> receive_frame(int socket, const async::BlockingWait& wait) {
  std::array<char, 4> head{};
  ACLOUD_CHECK(receive_all(socket, head, wait));
  std::size_t size = 0;
  for (std::size_t i = 0; i < 4; ++i) size |= std::size_t{static_cast<unsigned char>(head[i])} << (8 * i);
  if (size > kFrameMost)
    return fail(ErrorCode::too_large, "a message of {} bytes, the most is {}", size, kFrameMost);
  std::string text(size, '\0');
  ACLOUD_CHECK(receive_all(socket, text, wait));
  return text;
}

}  // namespace acloud::storage::sqlite
