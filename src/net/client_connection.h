// One connection of the client, and the pool of those that go to one origin.
//
// Include it in .cc files of src/net alone.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <list>

#include "async/event_loop.h"
#include "net/client.h"
#include "net/transport.h"

namespace acloud::net {

// What the errors of a request say in details.phase.
inline std::unexpected<Error> fail_in_phase(Error error, std::string_view phase) {
  return std::unexpected(std::move(error).with_detail("phase", std::string(phase)));
}

std::string to_string(const Origin& origin);

struct Connection {
  Connection(Socket socket, std::size_t buffer_limit) : transport(std::move(socket)), buffer(buffer_limit) {}

  // False where the peer has closed it, or has said something unasked. Asks the kernel, sends nothing.
  bool is_quiet();
  // How many bytes the peer's kernel has taken so far, where that can be known (TCP).
  std::optional<std::uint64_t> acknowledged();

  Transport transport;
  beast::flat_buffer buffer;  // what was read and not used yet
  bool used = false;          // has carried a request before
  Instant idle_since{};
};

// Resolves, connects and, for https, shakes hands, within `time`.
// Errors: unavailable, invalid_argument (out of reach), deadline_exceeded, cancelled; all in phase "connect".
Task<Result<std::unique_ptr<Connection>>> open_connection(Origin origin, std::shared_ptr<TlsContext> tls,
                                                          std::chrono::milliseconds time, Reach reach,
                                                          std::size_t buffer_limit);

// Hands out the right to use a connection, first come, first served, at most `limit` at a time, and keeps
// the connections that are not in use. So there are never more than `limit`, in use and idle together.
class Pool : public std::enable_shared_from_this<Pool> {  // shared with the leases
 public:
  Pool(async::EventLoop& loop, std::size_t limit, Duration idle_time)
      : loop_(loop), limit_(limit), idle_time_(idle_time) {}

  // The right to use a connection; gives it back when destroyed.
  class Lease {
   public:
    explicit Lease(std::shared_ptr<Pool> pool) : pool_(std::move(pool)) {}
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    Connection& connection() { return *connection_; }
    bool has_connection() const { return connection_ != nullptr; }
    void set(std::unique_ptr<Connection> connection) { connection_ = std::move(connection); }
    // The connection may carry another request: without this it is closed with the lease.
    void keep() { keep_ = true; }
    const std::shared_ptr<Pool>& pool() const { return pool_; }

   private:
    std::shared_ptr<Pool> pool_;
    std::unique_ptr<Connection> connection_;
    bool keep_ = false;
  };

  // With an idle connection in it, or none where a new one must be opened. Errors: cancelled.
  Task<Result<Lease>> acquire();
  // Closes the idle connections: where one proved stale, the others of its age may be too.
  void drop_idle() { idle_.clear(); }
  // From now on nothing is kept.
  void close();

  void succeeded() { failures_ = 0; }
  void failed() { ++failures_; }
  Client::OriginHealth health() const { return {idle_.size(), in_use_, waiting_.size(), failures_}; }
  bool unused() const { return idle_.empty() && in_use_ == 0 && waiting_.empty(); }

 private:
  struct Waiter;
  void release(std::unique_ptr<Connection> connection);
  void sweep_later();
  void sweep();

  async::EventLoop& loop_;
  std::size_t limit_;
  Duration idle_time_;
  std::vector<std::unique_ptr<Connection>> idle_;  // by idle_since; the latest is used first
  std::list<Waiter*> waiting_;
  std::size_t in_use_ = 0;
  std::uint64_t failures_ = 0;
  bool closed_ = false;
  bool sweeping_ = false;
  async::EventLoop::Timer sweep_timer_;
};

}  // namespace acloud::net
