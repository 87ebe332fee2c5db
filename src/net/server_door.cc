#include "net/server_door.h"

#include <sys/socket.h>
#include <unistd.h>

namespace acloud::net {
namespace {

int family_of(int socket) {
  int family = AF_INET;
  socklen_t size = sizeof family;
  ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &size);
  return family;
}

}  // namespace

Server::Door::State::State(async::EventLoop& on, int listener, std::string called, std::size_t at_most)
    : loop(on), name(std::move(called)), seats(at_most) {
  for (std::size_t i = 0; i < at_most; ++i) free_seat();
  acceptor.emplace(async::io_context(loop), asio::generic::stream_protocol(family_of(listener), 0), listener);
}

Task<AsioResult<NoValue>> Server::Door::State::accept(Socket& socket) {
  co_return co_await await_asio([&](auto handler) { acceptor->async_accept(socket, std::move(handler)); });
}

void Server::Door::State::stop_accepting() {
  AsioError ignored;
  if (acceptor) acceptor->close(ignored);
  seats.close();
}

void Server::Door::State::close() {
  stop_accepting();
  for (ServerConnection* connection : std::vector(connections.begin(), connections.end()))
    connection->abort();
}

Server::Door::Door(std::shared_ptr<State> state, int listener)
    : state_(std::move(state)), listener_(listener) {}

Server::Door::~Door() {
  // So that its place can be taken by another right away, whenever the loop comes to the rest.
  ::shutdown(listener_, SHUT_RD);
  ::close(listener_);
  async::EventLoop& loop = state_->loop;
  loop.post([state = std::move(state_)] { state->close(); });
}

}  // namespace acloud::net
