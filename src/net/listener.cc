#include <sys/socket.h>

#include <boost/asio/basic_socket_acceptor.hpp>

#include "async/asio.h"
#include "net/dial.h"
#include "net/listen.h"
#include "net/socket.h"

namespace acloud::net {
namespace {

using Protocol = asio::generic::stream_protocol;
using Acceptor = asio::basic_socket_acceptor<Protocol>;

Acceptor acceptor_of(int fd) {
  int domain = AF_INET;
  socklen_t size = sizeof(domain);
  ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
  return Acceptor(async::io_context(*async::EventLoop::current()),
                  Protocol(domain, domain == AF_UNIX ? 0 : IPPROTO_TCP), fd);
}

}  // namespace

struct Listener::Impl {
  explicit Impl(Acceptor from) : acceptor(std::move(from)) {}
  Acceptor acceptor;
  std::string unix_path;  // removed with the listener; "" where it was adopted or is TCP
};

Listener::Listener(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Listener::~Listener() {
  if (!impl_->unix_path.empty()) ::unlink(impl_->unix_path.c_str());
}

Result<std::unique_ptr<Listener>> Listener::bind(std::string_view address) {
  ACLOUD_TRY(const int fd, listen_on(address));
  auto listener = adopt(fd);
  if (address.starts_with("unix:")) listener->impl_->unix_path = address.substr(5);
  return listener;
}

std::unique_ptr<Listener> Listener::adopt(int fd) {
  return std::unique_ptr<Listener>(new Listener(std::make_unique<Impl>(acceptor_of(fd))));
}

std::string Listener::address() const { return local_address(impl_->acceptor.native_handle()); }

Task<Result<std::unique_ptr<ByteStream>>> Listener::accept() {
  Socket socket(impl_->acceptor.get_executor());
  const auto accepted =
      co_await await_asio([&](auto handler) { impl_->acceptor.async_accept(socket, std::move(handler)); });
  if (accepted.error) co_return fail_asio(accepted, "accepting a connection");
  co_return stream_of(std::move(socket));
}

}  // namespace acloud::net
