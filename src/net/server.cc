// Accepts on the first loop and gives each connection to the loop that has fewest: a kernel that spreads
// connections by a hash (SO_REUSEPORT) leaves one loop busy and another idle where they are few.
#include "net/server.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <future>
#include <thread>
#include <unordered_set>

#include "async/asio.h"
#include "async/task_scope.h"
#include "base/log.h"
#include "net/listen.h"
#include "net/server_connection.h"
#include "net/server_door.h"

namespace acloud::net {
namespace {

// Beyond the limit so many connections more are told so; any further one is just closed.
constexpr std::size_t kTurnedAwayAtOnce = 128;
// For how long accepting rests when the process has no descriptors left.
constexpr std::chrono::milliseconds kRest{50};

bool is_exhaustion(const AsioError& error) {
  return error == boost::system::errc::too_many_files_open ||
         error == boost::system::errc::too_many_files_open_in_system ||
         error == boost::system::errc::not_enough_memory || error == boost::system::errc::no_buffer_space;
}

// The connections of one loop. Touched on that loop alone, but for `open`.
class Shard {
 public:
  Shard(async::EventLoop& loop, ServerContext& context) : loop_(loop), context_(context) {}
  async::EventLoop& loop() { return loop_; }
  async::TaskScope& scope() { return scope_; }
  // Also counts those on their way to the loop. Thread-safe.
  std::atomic<std::size_t>& open() { return open_; }

  void start(Socket socket, bool turn_away) { scope_.spawn(serve(std::move(socket), turn_away)); }
  void start(std::shared_ptr<Server::Door::State> door) { scope_.spawn(attend(std::move(door))); }
  // Ends idle connections at once, the others after `grace`.
  Task<> drain(Duration grace);

 private:
  Task<> serve(Socket socket, bool turn_away);
  Task<> attend(std::shared_ptr<Server::Door::State> door);
  Task<> serve_guest(Socket socket, std::shared_ptr<Server::Door::State> door);

  async::EventLoop& loop_;
  ServerContext& context_;
  async::TaskScope scope_;
  std::unordered_set<ServerConnection*> connections_;
  std::unordered_set<Server::Door::State*> doors_;
  std::atomic<std::size_t> open_{0};
};

Task<> Shard::serve(Socket socket, bool turn_away) {
  {
    ServerConnection connection(context_, std::move(socket));
    connections_.insert(&connection);
    co_await (turn_away ? connection.turn_away() : connection.run());
    connections_.erase(&connection);
  }
  --open_;
  --context_.connections_open;
}

Task<> Shard::attend(std::shared_ptr<Server::Door::State> door) {
  doors_.insert(door.get());
  const std::size_t most = context_.options.limits.connections / 4 * 3;
  while (door->is_open()) {
    const auto seat = co_await door->seats.receive();
    if (!seat || !*seat) break;
    Socket socket(async::io_context(loop_));
    const auto accepted = co_await door->accept(socket);
    if (accepted.error || !door->is_open()) {
      door->free_seat();
    } else {
      ++open_;
      ++context_.connections_open;
      ++context_.connections_total;
      scope_.spawn(serve_guest(std::move(socket), door));
    }
    // Whatever it is, it would come again at once, and whoever closes the door has to have his turn.
    bool rests = static_cast<bool>(accepted.error);
    while (door->is_open() && (rests || context_.connections_open >= most))
      rests = !co_await async::sleep_for(kRest);
  }
  doors_.erase(door.get());
  door->acceptor.reset();
}

Task<> Shard::serve_guest(Socket socket, std::shared_ptr<Server::Door::State> door) {
  {
    ServerConnection connection(context_, std::move(socket), door->name);
    connections_.insert(&connection);
    door->connections.insert(&connection);
    co_await connection.run();
    door->connections.erase(&connection);
    connections_.erase(&connection);
  }
  door->free_seat();
  --open_;
  --context_.connections_open;
}

Task<> Shard::drain(Duration grace) {
  for (Server::Door::State* door : doors_) door->stop_accepting();
  const auto snapshot = [this] { return std::vector(connections_.begin(), connections_.end()); };
  for (ServerConnection* connection : snapshot()) connection->drain();
  const auto timer = loop_.call_at(async::Deadline::after(grace).when(), [&] {
    for (ServerConnection* connection : snapshot()) connection->abort();
  });
  co_await scope_.join();
}

}  // namespace

struct Server::Impl {
  Impl(async::LoopThreads& loop_threads, ServerOptions options, Handler handler, ErrorResponse error_response)
      : loops(loop_threads), context(std::move(options), std::move(handler), std::move(error_response)) {
    for (std::size_t i = 0; i < loops.size(); ++i) {
      shards.push_back(std::make_unique<Shard>(loops.at(i), context));
    }
  }

  async::LoopThreads& loops;
  ServerContext context;
  std::vector<std::unique_ptr<Shard>> shards;
  std::optional<Acceptor> acceptor;  // of the first loop
  std::string address;

  Task<> accept_all();
  void take(Shard& shard, Socket socket);
  Shard& least_loaded() {
    return **std::ranges::min_element(shards, {}, [](const auto& shard) { return shard->open().load(); });
  }
};

Task<> Server::Impl::accept_all() {
  while (true) {
    Shard& shard = least_loaded();
    Socket socket(async::io_context(shard.loop()));
    const auto accepted =
        co_await await_asio([&](auto handler) { acceptor->async_accept(socket, std::move(handler)); });
    if (context.draining) co_return;  // a connection that slipped in would miss the drain of its shard
    if (!accepted.error) {
      take(shard, std::move(socket));
    } else if (is_exhaustion(accepted.error)) {
      log::warn("can't accept connections", {{"reason", accepted.error.message()}});
      (void)co_await async::sleep_for(kRest);
    }
  }
}

void Server::Impl::take(Shard& shard, Socket socket) {
  const std::uint64_t open = ++context.connections_open;
  ++context.connections_total;
  const std::size_t limit = context.options.limits.connections;
  if (open > limit + kTurnedAwayAtOnce) {
    --context.connections_open;
    return;
  }
  ++shard.open();
  shard.loop().post([&shard, turn_away = open > limit, s = std::move(socket)]() mutable {
    shard.start(std::move(s), turn_away);
  });
}

Server::Server(async::LoopThreads& loops, ServerOptions options, Handler handler,
               ErrorResponse error_response)
    : impl_(
          std::make_unique<Impl>(loops, std::move(options), std::move(handler), std::move(error_response))) {}

Server::~Server() { drain(std::chrono::milliseconds(0)); }

Result<> Server::start() {
  const ServerOptions& options = impl_->context.options;
  if (options.tls) {
    ACLOUD_TRY(auto tls, load_tls(*options.tls));
    impl_->context.tls.emplace(std::move(tls));
  }
  if (options.listen.empty()) return {};
  ACLOUD_TRY(const int fd, listen_on(options.listen));
  impl_->address = local_address(fd);
  Shard& first = *impl_->shards.front();
  const int family = impl_->address.starts_with("unix:") ? AF_UNIX
                     : impl_->address.starts_with('[')   ? AF_INET6
                                                         : AF_INET;
  impl_->acceptor.emplace(async::io_context(first.loop()), asio::generic::stream_protocol(family, 0), fd);
  first.loop().post([impl = impl_.get(), &first] { first.scope().spawn(impl->accept_all()); });
  return {};
}

std::unique_ptr<Server::Door> Server::open_door(int listener, std::string name, std::size_t connections) {
  Shard& shard = impl_->least_loaded();
  const int second = ::fcntl(listener, F_DUPFD_CLOEXEC, 0);
  auto state = std::make_shared<Door::State>(shard.loop(), listener, std::move(name), connections);
  shard.loop().post([&context = impl_->context, &shard, state] {
    if (context.draining) {
      state->close();
    } else {
      shard.start(state);
    }
  });
  return std::unique_ptr<Door>(new Door(std::move(state), second));
}

std::string Server::address() const { return impl_->address; }

void Server::drain(std::chrono::milliseconds grace) {
  if (impl_->context.draining.exchange(true)) return;
  std::promise<void> closed;
  impl_->shards.front()->loop().post([&] {
    AsioError ignored;
    if (impl_->acceptor) impl_->acceptor->close(ignored);
    closed.set_value();
  });
  closed.get_future().wait();
  if (impl_->address.starts_with("unix:")) ::unlink(impl_->address.c_str() + 5);
  std::vector<std::jthread> waiting;
  for (const auto& shard : impl_->shards) {
    waiting.emplace_back([&shard, grace] { async::run_on(shard->loop(), shard->drain(grace)); });
  }
}

Server::Stats Server::stats() const {
  const ServerContext& context = impl_->context;
  return {.connections_open = context.connections_open,
          .connections_total = context.connections_total,
          .requests_total = context.requests_total,
          .requests_active = context.requests_active};
}

}  // namespace acloud::net
