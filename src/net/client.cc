#include "net/client.h"

#include <boost/asio/ssl/context.hpp>

#include "async/event_loop.h"
#include "net/client_exchange.h"
#include "net/client_websocket.h"

namespace acloud::net {
namespace {

// Origins that failed and are not in use are remembered for their health, up to so many.
constexpr std::size_t kMaxOrigins = 4096;
// Beside the headers the buffer holds what came with them.
constexpr std::size_t kBufferBeyondHeaders = 64 * 1024;

Result<std::shared_ptr<TlsContext>> tls_context(const ClientOptions& options) {
  auto context = std::make_shared<TlsContext>(TlsContext::tls_client);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  AsioError error;
  context->set_verify_mode(options.verify_tls ? asio::ssl::verify_peer : asio::ssl::verify_none, error);
  if (options.ca_file.empty()) {
    context->set_default_verify_paths(error);
  } else {
    context->load_verify_file(options.ca_file, error);
  }
  if (error) {
    return fail(ErrorCode::invalid_argument, "certificates of authorities {}: {}",
                options.ca_file.empty() ? "of this system" : options.ca_file, error.message());
  }
  return context;
}

}  // namespace

struct Client::Impl {
  Impl(async::EventLoop& loop, ClientOptions options) : loop(loop), options(std::move(options)) {}

  std::shared_ptr<Pool> pool(const Origin& origin) {
    auto& pool = pools[origin];
    if (!pool) pool = std::make_shared<Pool>(loop, options.connections_per_origin, options.idle_time);
    if (pools.size() <= kMaxOrigins) return pool;
    const auto keep = pool;
    std::erase_if(pools, [&](const auto& entry) { return entry.second != keep && entry.second->unused(); });
    return keep;
  }

  // Nothing for origins without TLS; made at the first use, since loading the certificates takes a while.
  Result<std::shared_ptr<TlsContext>> tls_for(const Origin& origin) {
    if (origin.scheme != "https") return nullptr;
    if (!tls) {
      ACLOUD_TRY(tls, tls_context(options));
    }
    return tls;
  }

  std::size_t buffer_limit() const { return options.header_bytes + kBufferBeyondHeaders; }

  async::EventLoop& loop;
  ClientOptions options;
  std::shared_ptr<TlsContext> tls;
  std::map<Origin, std::shared_ptr<Pool>> pools;
};

Client::Client(async::EventLoop& loop, ClientOptions options)
    : impl_(std::make_shared<Impl>(loop, std::move(options))) {}

Client::~Client() {
  for (const auto& [origin, pool] : impl_->pools) pool->close();
}

Task<Result<Response>> Client::send(const Origin& origin, Request request) {
  return send(origin, std::move(request), Times{});
}

Task<Result<Response>> Client::send(const Origin& origin_given, Request request, Times times) {
  const auto impl = impl_;
  const Origin origin = origin_given;
  const ClientOptions& options = impl->options;
  ACLOUD_CO_TRY(const std::string head, request_head(origin, request));
  ACLOUD_CO_TRY(const auto tls, impl->tls_for(origin));
  const auto pool = impl->pool(origin);
  for (;;) {
    ACLOUD_CO_TRY(Pool::Lease lease, co_await pool->acquire());
    if (!lease.has_connection()) {
      auto opened = co_await open_connection(origin, tls, times.connect.value_or(options.connect_time),
                                             options.reach, impl->buffer_limit());
      if (!opened) {
        if (opened.error().code() != ErrorCode::cancelled) pool->failed();
        co_return std::unexpected(std::move(opened).error());
      }
      lease.set(*std::move(opened));
    }
    const Exchange::Times waits{times.first_byte.value_or(options.first_byte_time),
                                times.between_bytes.value_or(options.between_bytes_time)};
    auto exchange = std::make_unique<Exchange>(std::move(lease), waits, options.header_bytes);
    bool never_reached = false;
    auto response = co_await Exchange::run(std::move(exchange), head, request, never_reached);
    const bool unavailable = !response && response.error().code() == ErrorCode::unavailable;
    if (unavailable && never_reached) {
      pool->drop_idle();
      continue;
    }
    if (unavailable) pool->failed();
    co_return response;
  }
}

Task<Result<std::unique_ptr<WebSocket>>> Client::websocket(std::string_view url, Headers headers) {
  const auto impl = impl_;
  ACLOUD_CO_TRY(const Url to, parse_url(url));
  ACLOUD_CO_TRY(const auto tls, impl->tls_for(to.origin));
  ACLOUD_CO_TRY(auto connection, co_await open_connection(to.origin, tls, impl->options.connect_time,
                                                          impl->options.reach, impl->buffer_limit()));
  co_return co_await open_websocket(std::move(connection), to, std::move(headers),
                                    impl->options.first_byte_time);
}

Client::OriginHealth Client::health(const Origin& origin) const {
  const auto found = impl_->pools.find(origin);
  return found == impl_->pools.end() ? OriginHealth{} : found->second->health();
}

}  // namespace acloud::net
