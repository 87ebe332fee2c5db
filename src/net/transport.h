// A connected TCP or Unix socket, with or without TLS on it, as one type, so that Beast's templates are
// instantiated once for all of them.
//
// Include it in .cc files of src/net alone.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/buffers_prefix.hpp>
#include <boost/beast/core/role.hpp>
#include <boost/beast/websocket/teardown.hpp>
#include <optional>

#include "net/await_asio.h"

namespace acloud::net {

namespace beast = boost::beast;
using Socket = asio::generic::stream_protocol::socket;
using TlsContext = asio::ssl::context;

class Transport {
 public:
  using executor_type = Socket::executor_type;
  using Tls = asio::ssl::stream<Socket&>;

  // Bytes that one call writes at most. While a peer on the same machine reads as fast as the kernel takes
  // in, a single call would last as long as all of the bytes, and the loop's other work, such as reading this
  // peer's answer, would wait for it.
  static constexpr std::size_t kMostAtOnce = 256 * 1024;

  explicit Transport(Socket socket) : layers_(std::make_unique<Layers>(std::move(socket))) {}

  executor_type get_executor() { return socket().get_executor(); }
  Socket& socket() { return layers_->socket; }
  // Puts TLS on the socket; the handshake is the caller's.
  Tls& start_tls(TlsContext& context) { return layers_->tls.emplace(socket(), context); }

  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (layers_->tls) {
      layers_->tls->async_read_some(buffers, std::forward<Handler>(handler));
    } else {
      socket().async_read_some(buffers, std::forward<Handler>(handler));
    }
  }
  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    const auto piece = beast::buffers_prefix(kMostAtOnce, buffers);
    if (layers_->tls) {
      layers_->tls->async_write_some(piece, std::forward<Handler>(handler));
    } else {
      socket().async_write_some(piece, std::forward<Handler>(handler));
    }
  }
  // Past any TLS, what the socket takes without waiting.
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers, AsioError& error) {
    return socket().write_some(beast::buffers_prefix(kMostAtOnce, buffers), error);
  }
  void close() {
    AsioError ignored;
    socket().close(ignored);  // what could fail here has no one left to tell
  }

 private:
  struct Layers {
    explicit Layers(Socket from) : socket(std::move(from)) {}
    Socket socket;
    std::optional<Tls> tls;  // refers to the socket
  };
  std::unique_ptr<Layers> layers_;  // a transport moves, its layers stay where they are
};

// How Beast's WebSocket ends a transport (found by its argument's namespace).
inline void beast_close_socket(Transport& transport) { transport.close(); }
inline void teardown(beast::role_type, Transport& transport, AsioError& error) {
  transport.socket().close(error);
}
template <class Handler>
void async_teardown(beast::role_type role, Transport& transport, Handler&& handler) {
  beast::websocket::async_teardown(role, transport.socket(), std::forward<Handler>(handler));
}

}  // namespace acloud::net
