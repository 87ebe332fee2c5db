// A WebSocket over any of Beast's streams, for the client's side and the server's.
//
// Beast's WebSocket operations know no cancellation of their own: a stopped task closes the connection, as
// a WebSocket that lost half a message can't go on anyway.
//
// Include it in .cc files of src/net alone.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "net/await_asio.h"
#include "net/http.h"

namespace acloud::net {

constexpr std::size_t kMaxWebSocketMessage = 16 << 20;

template <class NextLayer>
class BeastWebSocket final : public WebSocket {
 public:
  using Stream = boost::beast::websocket::stream<NextLayer>;

  template <class... Args>
  explicit BeastWebSocket(Args&&... args) : stream_(std::forward<Args>(args)...) {
    stream_.read_message_max(kMaxWebSocketMessage);
  }
  Stream& stream() { return stream_; }

  // Awaits `start(handler)`, closing the connection when the task is stopped.
  template <class Value = NoValue, class Start>
  auto await_closing(Start start) {
    const auto close = [this](asio::cancellation_signal&) { stream_.next_layer().close(); };
    return await_asio<Value>(std::move(start), close);
  }

  Task<Result<std::optional<Message>>> receive() override {
    boost::beast::flat_buffer buffer;
    const auto read = co_await await_closing<std::size_t>(
        [&](auto handler) { stream_.async_read(buffer, std::move(handler)); });
    if (read.error == boost::beast::websocket::error::closed) co_return std::nullopt;
    if (read.error == boost::beast::websocket::error::message_too_big) {
      co_return fail(ErrorCode::too_large, "a WebSocket message has more than {} bytes",
                     kMaxWebSocketMessage);
    }
    if (read.error) co_return fail_asio(read, "receiving a WebSocket message");
    co_return Message{stream_.got_text(), boost::beast::buffers_to_string(buffer.data())};
  }

  Task<Result<>> send(Message message) override {
    stream_.text(message.text);
    const auto written = co_await await_closing<std::size_t>(
        [&](auto handler) { stream_.async_write(asio::buffer(message.data), std::move(handler)); });
    if (written.error) co_return fail_asio(written, "sending a WebSocket message");
    co_return Result<>();
  }

  Task<Result<>> close(std::uint16_t code, std::string reason) override {
    reason.resize(std::min<std::size_t>(reason.size(), 123));  // RFC 6455, section 5.5
    const boost::beast::websocket::close_reason why(static_cast<boost::beast::websocket::close_code>(code),
                                                    reason);
    const auto closed =
        co_await await_closing([&](auto handler) { stream_.async_close(why, std::move(handler)); });
    if (closed.error) co_return fail_asio(closed, "closing a WebSocket");
    co_return Result<>();
  }

 private:
  Stream stream_;
};

}  // namespace acloud::net
