#include "net/socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/write.hpp>

#include "async/asio.h"
#include "async/task_scope.h"
#include "net/dial.h"

namespace acloud::net {
namespace {

using Descriptor = asio::posix::stream_descriptor;
constexpr std::size_t kReadBytes = 64 * 1024;

// A stream over one of Asio's handles: a socket, or the descriptor of a pipe or a pty.
template <class Handle>
class HandleStream final : public ByteStream {
 public:
  explicit HandleStream(Handle handle) : handle_(std::move(handle)) {}

  Task<Result<std::string>> read() override {
    // Waiting first means that a connection without traffic holds no buffer.
    if (const auto ready = co_await await_asio(
            [this](auto handler) { handle_.async_wait(Handle::wait_read, std::move(handler)); });
        ready.error) {
      co_return fail_asio(ready, "reading");
    }
    std::string bytes(kReadBytes, '\0');
    AsioResult<std::size_t> read;
    read.value = handle_.read_some(asio::buffer(bytes), read.error);
    // The master of a pty reads EIO when the last process has closed its end.
    const bool end = read.error == asio::error::eof || read.error == boost::system::errc::io_error;
    if (read.error && !end) co_return fail_asio(read, "reading");
    bytes.resize(end ? 0 : read.value);
    if (bytes.size() < kReadBytes / 4) bytes.shrink_to_fit();
    co_return bytes;
  }

  Task<Result<>> write(std::string_view bytes) override {
    if (bytes.empty()) co_return Result<>();
    const auto written = co_await await_asio<std::size_t>(
        [&](auto handler) { asio::async_write(handle_, asio::buffer(bytes), std::move(handler)); });
    if (written.error) co_return fail_asio(written, "writing");
    co_return Result<>();
  }

  Task<Result<>> shutdown() override {
    if constexpr (std::is_same_v<Handle, Socket>) {
      AsioError error;
      handle_.shutdown(Socket::shutdown_send, error);
      if (error) co_return fail(ErrorCode::unavailable, "ending a stream: {}", error.message());
    } else if (!is_terminal()) {
      close();  // a pipe's end is its only sign; a pty has none, and reading it goes on
    }
    co_return Result<>();
  }

  void close() override {
    AsioError ignored;
    handle_.close(ignored);
  }

 private:
  bool is_terminal() { return handle_.is_open() && ::isatty(handle_.native_handle()) == 1; }

  Handle handle_;
};

// Copies one way. At `from`'s end `to` is told; where either breaks, both are closed, so that the other
// direction ends too.
Task<Result<>> copy(ByteStream& from, ByteStream& to) {
  for (;;) {
    auto bytes = co_await from.read();
    if (bytes && bytes->empty()) co_return co_await to.shutdown();
    Result<> written;
    if (bytes) written = co_await to.write(*bytes);
    if (bytes && written) continue;
    from.close();
    to.close();
    co_return std::unexpected(bytes ? std::move(written).error() : std::move(bytes).error());
  }
}

}  // namespace

std::unique_ptr<ByteStream> stream_of(Socket socket) {
  AsioError ignored;  // fails for closed sockets alone, which reading then says
  socket.native_non_blocking(true, ignored);
  return std::make_unique<HandleStream<Socket>>(std::move(socket));
}

Task<Result<std::unique_ptr<ByteStream>>> connect(std::string_view address, async::Deadline by) {
  if (address.starts_with("unix:")) {
    ACLOUD_CO_TRY(Socket socket, co_await dial_unix(std::string(address.substr(5)), by));
    co_return stream_of(std::move(socket));
  }
  ACLOUD_CO_TRY(HostPort to, parse_host_port(address));
  ACLOUD_CO_TRY(Socket socket, co_await dial_tcp(std::move(to.host), to.port, by));
  co_return stream_of(std::move(socket));
}

std::unique_ptr<ByteStream> adopt(int fd) {
  auto& context = async::io_context(*async::EventLoop::current());
  int domain = 0;
  socklen_t size = sizeof(domain);
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0) {
    const asio::generic::stream_protocol protocol(domain, domain == AF_UNIX ? 0 : IPPROTO_TCP);
    return stream_of(Socket(context, protocol, fd));
  }
  Descriptor descriptor(context, fd);
  AsioError ignored;
  descriptor.native_non_blocking(true, ignored);
  return std::make_unique<HandleStream<Descriptor>>(std::move(descriptor));
}

Task<Result<>> pipe(ByteStream& a, ByteStream& b) {
  std::vector<Task<Result<>>> both;
  both.push_back(copy(a, b));
  both.push_back(copy(b, a));
  co_return co_await async::all(std::move(both));
}

}  // namespace acloud::net
