// Connections that leave HTTP: tunnels and WebSockets.
#include <boost/asio/post.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include "async/wait.h"
#include "net/server_connection.h"
#include "net/web_socket.h"

namespace acloud::net {
namespace {

namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;

constexpr std::size_t kTunnelBuffer = 64 * 1024;
constexpr std::chrono::seconds kCloseTime{2};

// The connection below a WebSocket: first what was read with the handshake, then what comes.
class Upgraded {
 public:
  using executor_type = Transport::executor_type;
  Upgraded(Transport& transport, std::string early) : transport_(transport), early_(std::move(early)) {}
  executor_type get_executor() { return transport_.get_executor(); }
  Transport& transport() { return transport_; }
  void close() { transport_.close(); }

  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (early_.empty()) {
      transport_.async_read_some(buffers, std::forward<Handler>(handler));
      return;
    }
    const std::size_t count = asio::buffer_copy(buffers, asio::buffer(early_));
    early_.erase(0, count);
    asio::post(get_executor(), beast::bind_front_handler(std::forward<Handler>(handler), AsioError(), count));
  }
  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    transport_.async_write_some(buffers, std::forward<Handler>(handler));
  }

 private:
  Transport& transport_;
  std::string early_;
};

void beast_close_socket(Upgraded& upgraded) { upgraded.close(); }
[[maybe_unused]] void teardown(beast::role_type role, Upgraded& upgraded, AsioError& error) {
  teardown(role, upgraded.transport(), error);
}
template <class Handler>
void async_teardown(beast::role_type role, Upgraded& upgraded, Handler&& handler) {
  async_teardown(role, upgraded.transport(), std::forward<Handler>(handler));
}

// The request as Beast wants to see it for a handshake.
http::request<http::empty_body> to_beast(const Request& request, bool http_1_0) {
  http::request<http::empty_body> out;
  out.version(http_1_0 ? 10 : 11);
  out.method_string(request.method);
  out.target(request.target);
  for (const auto& [name, value] : request.headers) out.insert(name, value);
  return out;
}

}  // namespace

// The connection as a plain stream, for a handler that takes it over.
class ServerConnection::Tunnel final : public ByteStream {
 public:
  explicit Tunnel(ServerConnection& connection) : connection_(connection) {}

  Task<Result<std::string>> read() override {
    Input& input = connection_.input_;
    while (input.bytes().empty()) {
      const Input::Event event = co_await input.fill(kTunnelBuffer);
      if (event == Input::Event::stopped) co_return fail(ErrorCode::cancelled, "reading");
      if (event == Input::Event::more) break;
      if (input.ended_well()) co_return std::string();
      co_return fail(ErrorCode::unavailable, "the client broke the connection");
    }
    std::string bytes(input.bytes());
    input.consume(bytes.size());
    co_return bytes;
  }
  Task<Result<>> write(std::string_view bytes) override { return connection_.output_.write(bytes); }
  Task<Result<>> shutdown() override {
    AsioError error;  // with TLS, the peer sees an end without its closing record
    connection_.transport_.socket().shutdown(Socket::shutdown_send, error);
    if (error) co_return fail(ErrorCode::unavailable, "ending the stream: {}", error.message());
    co_return Result<>();
  }
  void close() override { connection_.transport_.close(); }

 private:
  ServerConnection& connection_;
};

bool ServerConnection::is_upgrade() {
  const Request& request = parser_->request();
  return request.method == "CONNECT" || request.headers.get("upgrade").has_value();
}

Task<> ServerConnection::leave_http(Response& response) {
  handling_ = false;  // from here on an end of input is the peer's way to say that it is done
  if (response.websocket) co_return co_await run_websocket(response);
  head_.clear();
  put_upgrade_head(head_, response);
  if (!co_await output_.write(head_)) co_return;
  co_await response.take_over(std::make_unique<Tunnel>(*this)).with_stop(stop_.get_token());
}

Task<> ServerConnection::run_websocket(Response& response) {
  const auto request = to_beast(parser_->request(), parser_->http_1_0());
  if (!websocket::is_upgrade(request) || !parser_->done() || input_.reading()) {
    co_return co_await refuse(
        {400, Error(ErrorCode::invalid_argument,
                    "this is a WebSocket; ask with GET, Upgrade and Sec-WebSocket-Key")});
  }
  std::string early(input_.bytes());
  input_.consume(early.size());
  BeastWebSocket<Upgraded> socket(transport_, std::move(early));
  socket.stream().set_option(websocket::stream_base::timeout::suggested(beast::role_type::server));
  socket.stream().set_option(websocket::stream_base::decorator([&](websocket::response_type& reply) {
    for (const auto& [name, value] : response.headers) reply.set(name, value);
  }));
  const auto accepted = co_await socket.await_closing(
      [&](auto handler) { socket.stream().async_accept(request, std::move(handler)); });
  if (accepted.error) co_return;
  co_await response.websocket(socket).with_stop(stop_.get_token());
  if (socket.stream().is_open()) {
    (void)co_await async::with_deadline(async::Deadline::after(kCloseTime), "closing a WebSocket",
                                        socket.close(1000, ""));
  }
}

}  // namespace acloud::net
