#include "net/client_connection.h"

#include <sys/socket.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>

#include "net/dial.h"
#include "net/tcp_acknowledged.h"

namespace acloud::net {

std::string to_string(const Origin& origin) {
  if (origin.scheme == "unix") return "unix:" + origin.host;
  const bool v6 = origin.host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", origin.scheme, v6 ? "[" : "", origin.host, v6 ? "]" : "", origin.port);
}

bool Connection::is_quiet() {
  if (buffer.size() != 0) return false;
  char byte = 0;
  const auto got = ::recv(transport.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

std::optional<std::uint64_t> Connection::acknowledged() {
  return tcp_acknowledged(transport.socket().native_handle());
}

namespace {

Task<Result<>> shake_hands(Transport& transport, TlsContext& context, const std::string& host) {
  auto& tls = transport.start_tls(context);
  AsioError no_address;
  asio::ip::make_address(host, no_address);
  // RFC 6066: a server name is never an address.
  if (no_address && SSL_set_tlsext_host_name(tls.native_handle(), host.c_str()) != 1) {
    co_return fail(ErrorCode::unavailable, "TLS with {}: the name can't be sent", host);
  }
  tls.set_verify_callback(asio::ssl::host_name_verification(host));
  const auto done = co_await await_asio(
      [&](auto handler) { tls.async_handshake(asio::ssl::stream_base::client, std::move(handler)); });
  if (!done.error) co_return Result<>();
  const long verified = SSL_get_verify_result(tls.native_handle());
  if (!done.stopped && verified != X509_V_OK) {
    co_return fail(ErrorCode::unavailable, "TLS with {}: its certificate is not trusted: {}", host,
                   X509_verify_cert_error_string(verified));
  }
  co_return fail_asio(done, fmt::format("TLS with {}", host));
}

Task<Result<std::unique_ptr<Connection>>> open(const Origin& origin, TlsContext* tls, async::Deadline by,
                                               Reach reach, std::size_t buffer_limit) {
  auto dialled =
      origin.scheme == "unix" ? dial_unix(origin.host, by) : dial_tcp(origin.host, origin.port, by, reach);
  ACLOUD_CO_TRY(Socket socket, co_await std::move(dialled));
  auto connection = std::make_unique<Connection>(std::move(socket), buffer_limit);
  if (origin.scheme == "https") {
    ACLOUD_CO_CHECK(co_await async::with_deadline(by, "shaking hands",
                                                  shake_hands(connection->transport, *tls, origin.host)));
  }
  co_return connection;
}

}  // namespace

Task<Result<std::unique_ptr<Connection>>> open_connection(Origin origin, std::shared_ptr<TlsContext> tls,
                                                          std::chrono::milliseconds time, Reach reach,
                                                          std::size_t buffer_limit) {
  auto opened = co_await open(origin, tls.get(), async::Deadline::after(time), reach, buffer_limit);
  if (opened) co_return opened;
  if (opened.error().code() == ErrorCode::deadline_exceeded) {
    co_return fail_in_phase(Error(ErrorCode::deadline_exceeded, fmt::format("{} took no connection in {} ms",
                                                                            to_string(origin), time.count())),
                            "connect");
  }
  co_return fail_in_phase(std::move(opened).error(), "connect");
}

struct Pool::Waiter {
  async::OneShot<bool> turn;
};

Task<Result<Pool::Lease>> Pool::acquire() {
  const auto self = shared_from_this();  // its client may go while this waits
  if (in_use_ < limit_ && waiting_.empty()) {
    ++in_use_;
  } else {
    Waiter waiter;
    const auto place = waiting_.insert(waiting_.end(), &waiter);
    auto turn = co_await waiter.turn.wait();
    if (!turn) {
      waiting_.erase(place);  // still in it: a waiter that was given its turn is not cancelled any more
      co_return std::unexpected(std::move(turn).error());
    }
  }
  Lease lease(self);
  while (!idle_.empty() && !lease.has_connection()) {
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    if (connection->is_quiet()) lease.set(std::move(connection));
  }
  co_return lease;
}

Pool::Lease::~Lease() {
  if (pool_) pool_->release(keep_ ? std::move(connection_) : nullptr);
}

void Pool::release(std::unique_ptr<Connection> connection) {
  if (connection && !closed_) {
    connection->used = true;
    connection->buffer.shrink_to_fit();  // an idle connection holds no memory but its own
    connection->idle_since = loop_.now();
    idle_.push_back(std::move(connection));
    sweep_later();
  }
  if (waiting_.empty()) {
    --in_use_;
    return;
  }
  Waiter* next = waiting_.front();
  waiting_.pop_front();
  next->turn.set(true);
}

void Pool::close() {
  closed_ = true;
  idle_.clear();
  sweep_timer_.cancel();
}

void Pool::sweep_later() {
  if (sweeping_ || idle_.empty()) return;
  sweeping_ = true;
  sweep_timer_ = loop_.call_at(idle_.front()->idle_since + idle_time_, [this] { sweep(); });
}

void Pool::sweep() {
  sweeping_ = false;
  const Instant until = loop_.now() - idle_time_;
  const auto fresh = std::ranges::find_if(idle_, [&](const auto& idle) { return idle->idle_since > until; });
  idle_.erase(idle_.begin(), fresh);
  sweep_later();
}

}  // namespace acloud::net
