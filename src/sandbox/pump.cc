#include "sandbox/pump.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "net/socket.h"

namespace acloud::sandbox {
namespace {

constexpr std::size_t kReadBytes = 64 << 10;

std::size_t capacity(int pipe) {
  const int size = ::fcntl(pipe, F_GETPIPE_SZ);
  return size > 0 ? static_cast<std::size_t>(size) : kReadBytes;
}

}  // namespace

Task<> pump(int fd, Source source, Sink& sink) {
  const std::stop_token stop = co_await async::this_stop_token();
  std::optional<std::size_t> left;  // set when stopped
  for (;;) {
    if (!left && stop.stop_requested()) left = capacity(fd);
    std::string buffer(std::min(kReadBytes, left.value_or(kReadBytes)), '\0');
    const ssize_t size = ::read(fd, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN && !left) {
      const auto ready = co_await net::wait_readable(fd);
      if (ready || stop.stop_requested()) continue;
    }
    if (size <= 0) co_return;  // a terminal that nobody has open any more says so with EIO
    buffer.resize(static_cast<std::size_t>(size));
    if (left) *left -= buffer.size();
    // Shielded: what was read before the stop is wanted.
    if (!co_await sink.take(source, std::move(buffer)).shielded()) co_return;
    if (left && *left == 0) co_return;
  }
}

}  // namespace acloud::sandbox
