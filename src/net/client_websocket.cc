#include "net/client_websocket.h"

#include "net/web_socket.h"

namespace acloud::net {
namespace {

namespace websocket = beast::websocket;
using TransportWebSocket = BeastWebSocket<Transport>;

std::string host_of(const Url& to, const Headers& headers) {
  if (const auto host = headers.get("host")) return std::string(*host);
  if (to.origin.scheme == "unix") return "localhost";
  const bool v6 = to.origin.host.find(':') != std::string::npos;
  return v6 ? fmt::format("[{}]:{}", to.origin.host, to.origin.port)
            : fmt::format("{}:{}", to.origin.host, to.origin.port);
}

Task<Result<>> shake_hands(TransportWebSocket& socket, const Url& to, const Headers& headers) {
  socket.stream().set_option(websocket::stream_base::decorator([&headers](websocket::request_type& request) {
    for (const auto& [name, value] : headers) request.set(name, value);
  }));
  websocket::response_type response;
  const std::string host = host_of(to, headers);
  const auto done = co_await socket.await_closing(
      [&](auto handler) { socket.stream().async_handshake(response, host, to.target, std::move(handler)); });
  if (done.error == websocket::error::upgrade_declined) {
    auto refused = fail(ErrorCode::unavailable, "{}{} answered {} to a WebSocket handshake",
                        to_string(to.origin), to.target, response.result_int());
    co_return std::unexpected(std::move(refused.error()).with_detail("status", response.result_int()));
  }
  if (done.error) co_return fail_asio(done, fmt::format("WebSocket handshake with {}", to_string(to.origin)));
  co_return Result<>();
}

}  // namespace

Task<Result<std::unique_ptr<WebSocket>>> open_websocket(std::unique_ptr<Connection> connection, const Url& to,
                                                        Headers headers, std::chrono::milliseconds time) {
  auto socket = std::make_unique<TransportWebSocket>(std::move(connection->transport));
  const auto done = co_await async::with_deadline(async::Deadline::after(time), "a WebSocket handshake",
                                                  shake_hands(*socket, to, headers));
  if (!done) co_return fail_in_phase(done.error(), "headers");
  co_return socket;
}

}  // namespace acloud::net
