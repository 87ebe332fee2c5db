// A server's door: the socket that is accepted on, and who has come in by it.
//
// Include it in .cc files of src/net alone.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <unordered_set>

#include "async/asio.h"
#include "async/channel.h"
#include "net/server.h"
#include "net/server_connection.h"

namespace acloud::net {

using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;

// All but the constructor: on its loop alone.
struct Server::Door::State {
  State(async::EventLoop& on, int listener, std::string called, std::size_t at_most);

  bool is_open() const { return acceptor.has_value() && acceptor->is_open(); }
  Task<AsioResult<NoValue>> accept(Socket& socket);
  void free_seat() { (void)seats.try_send(Seat{}); }
  void stop_accepting();
  // Also breaks its connections off.
  void close();

  struct Seat {};

  async::EventLoop& loop;
  const std::string name;
  async::Channel<Seat> seats;  // one for each connection that may still come
  std::optional<Acceptor> acceptor;
  std::unordered_set<ServerConnection*> connections;
};

}  // namespace acloud::net
