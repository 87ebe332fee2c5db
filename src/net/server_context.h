// What all connections of a server share.
//
// Include it in .cc files of src/net alone.
#pragma once

#include <atomic>
#include <boost/asio/ssl/context.hpp>
#include <optional>

#include "net/server.h"

namespace acloud::net {

struct ServerContext {
  ServerContext(ServerOptions o, Handler h, ErrorResponse e)
      : options(std::move(o)), handler(std::move(h)), error_response(std::move(e)) {}

  ServerOptions options;
  Handler handler;
  ErrorResponse error_response;
  std::optional<boost::asio::ssl::context> tls;

  std::atomic<bool> draining{false};
  std::atomic<std::uint64_t> connections_open{0};
  std::atomic<std::uint64_t> connections_total{0};
  std::atomic<std::uint64_t> requests_total{0};
  std::atomic<std::uint64_t> requests_active{0};

  // The answer to a request that does not reach the handler, with `status` where the error's own says less.
  Response refuse(const Error& error, int status) const {
    Response response = error_response(error);
    response.status = status;
    return response;
  }
};

// The certificate and key of `files`, for servers. Errors: what OpenSSL says of them, naming the file.
Result<boost::asio::ssl::context> load_tls(const TlsFiles& files);

}  // namespace acloud::net
