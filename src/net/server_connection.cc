#include "net/server_connection.h"

#include <boost/asio/ip/tcp.hpp>

#include "net/listen.h"
#include "net/server_request_body.h"

namespace acloud::net {
namespace {

// For how long, and how much, is read after the last response, so that what the client still sends does not
// reset the connection before it has read that response (RFC 9112, section 9.6).
constexpr std::chrono::seconds kLinger{2};
constexpr std::size_t kLingerBytes = 16 << 20;
constexpr std::size_t kLingerBuffer = 16 * 1024;

}  // namespace

ServerConnection::ServerConnection(ServerContext& context, Socket socket, std::string door)
    : context_(context),
      limits_(context.options.limits),
      door_(std::move(door)),
      transport_(std::move(socket)),
      timeouts_([this](Timeouts::Kind kind) { on_expiry(kind); }),
      input_(transport_, [this] { on_input_end(); }),
      output_(transport_, has_tls(), timeouts_, limits_.body_stall),
      peer_(door_.empty() ? peer_address(transport_.socket().native_handle()) : door_) {}

Task<> ServerConnection::run() {
  if (co_await open()) {
    while (co_await serve_one()) continue;
  }
  co_await close();
}

Task<> ServerConnection::turn_away() {
  if (co_await open()) {
    parser_.emplace(limits_.header_bytes, limits_.body_bytes);
    co_await refuse({503, Error(ErrorCode::unavailable, "the server has as many connections as it may; retry")
                              .with_retry_after(std::chrono::seconds(1))});
  }
  co_await close();
}

void ServerConnection::drain() {
  if (idle_) abort();
}

void ServerConnection::abort() {
  stop_.request_stop();
  transport_.close();
}

void ServerConnection::on_expiry(Timeouts::Kind kind) {
  if (kind == Timeouts::read) {
    AsioError ignored;
    transport_.socket().cancel(ignored);  // the read ends, a response can still be sent
  } else {
    abort();
  }
}

void ServerConnection::on_input_end() {
  if (handling_) stop_.request_stop();
}

Task<bool> ServerConnection::open() {
  AsioError ignored;  // a socket without TCP has no such option
  transport_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
  transport_.socket().non_blocking(true, ignored);
  if (!has_tls()) co_return true;
  tls_ = &transport_.start_tls(*context_.tls);
  timeouts_.set(Timeouts::total, limits_.header_time);
  const auto done = co_await await_asio(
      [&](auto handler) { tls_->async_handshake(asio::ssl::stream_base::server, std::move(handler)); });
  timeouts_.clear(Timeouts::total);
  co_return !done.error;
}

// One request and its response. False where the connection ends.
Task<bool> ServerConnection::serve_one() {
  parser_.emplace(limits_.header_bytes, limits_.body_bytes);
  body_error_.reset();
  continued_ = false;
  if (!co_await read_head()) co_return false;
  if (parser_->refusal()) {
    co_await refuse(*parser_->refusal());
    co_return false;
  }
  ++context_.requests_total;
  ++context_.requests_active;
  timeouts_.set(Timeouts::total, limits_.total_time);
  prepare_request();
  handling_ = true;
  const bool stays = co_await handle_and_answer();
  handling_ = false;
  if (body_) body_->detach();
  parser_->request().body = Body();
  timeouts_.clear(Timeouts::total);
  --context_.requests_active;
  if (!stays || parser_->done()) co_return stays;
  co_return co_await skip_body();
}

// True where a head was read, or refused.
Task<bool> ServerConnection::read_head() {
  std::string none;
  bool first = true;
  idle_ = true;
  timeouts_.set(Timeouts::read, limits_.idle_time);
  while (true) {
    // An empty line before a request is left over from the last one (RFC 9112, section 2.2).
    if (first && input_.bytes().starts_with("\r\n")) input_.consume(2);
    if (!input_.bytes().empty() && input_.bytes() != "\r") {
      idle_ = false;
      input_.consume(parser_->parse(input_.bytes(), none));
      if (parser_->head_done() || parser_->refusal()) break;
      if (std::exchange(first, false)) timeouts_.set(Timeouts::read, limits_.header_time);
    }
    if (idle_ && context_.draining) co_return false;
    if (co_await input_.fill(limits_.header_bytes) == Input::Event::more) continue;
    if (!idle_ && timeouts_.expired(Timeouts::read)) {
      co_await refuse({408, Error(ErrorCode::deadline_exceeded, "the request's headers took too long")});
    }
    co_return false;
  }
  timeouts_.clear(Timeouts::read);
  co_return true;
}

// Gives the request its body, and looks out for the client's end while it is handled.
void ServerConnection::prepare_request() {
  Request& request = parser_->request();
  request.peer = peer_;
  const auto length = parser_->body_length();
  if (!parser_->done() && length && *length <= input_.bytes().size() && *length > 0) {
    std::string bytes;
    bytes.reserve(*length);
    while (!parser_->done() && !parser_->refusal()) input_.consume(parser_->parse(input_.bytes(), bytes));
    request.body = Body(std::move(bytes));
  } else if (!parser_->done()) {
    auto body = std::make_unique<RequestBody>(*this);
    body_ = body.get();
    request.body = Body(std::move(body), length);
  }
  // A client that wants to leave HTTP may talk on at once: its bytes are not for this buffer.
  if (parser_->done() && !is_upgrade()) input_.read_ahead();
}

Task<> ServerConnection::refuse(const Refusal& refusal) {
  Response response = context_.refuse(refusal.error, refusal.status);
  const Framing framing = framing_of(response, parser_->request().method, false);
  head_.clear();
  put_head(head_, response, framing, false, false);
  if (!co_await output_.write(head_, framing.send_body ? response.body.bytes() : "")) co_return;
  co_await linger();
}

Task<> ServerConnection::linger() {
  AsioError error;
  if (!tls_) transport_.socket().shutdown(Socket::shutdown_send, error);
  timeouts_.set(Timeouts::read, kLinger);
  std::size_t read = 0;
  while (!error && read < kLingerBytes) {
    read += input_.bytes().size();
    input_.consume(input_.bytes().size());
    if (co_await input_.fill(kLingerBuffer) != Input::Event::more) break;
  }
  timeouts_.clear(Timeouts::read);
}

Task<> ServerConnection::close() {
  if (tls_ && transport_.socket().is_open()) {
    // Tells the client that nothing was cut off.
    timeouts_.set(Timeouts::total, kLinger);
    (void)co_await await_asio([this](auto handler) { tls_->async_shutdown(std::move(handler)); });
    timeouts_.clear(Timeouts::total);
  }
  transport_.close();
  co_await input_.settle();
}

}  // namespace acloud::net
