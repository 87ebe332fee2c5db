#include "cli/mcp_bridge.h"

#include <unistd.h>

#include <ostream>

#include "net/socket.h"
#include "net/sse.h"
#include "surfaces/mcp/headers.h"
#include "surfaces/mcp/revision.h"

namespace acloud::cli {
namespace {

namespace mcp = surfaces::mcp;

constexpr std::chrono::seconds kAnswersAfterTheEnd{60};
constexpr std::string_view kVersionKey = "io.modelcontextprotocol/protocolVersion";

// The version that a request which stands alone names; "" for one of a session.
std::string version_of(const mcp::Message& message) {
  const auto meta = message.params.find("_meta");
  if (meta == message.params.end() || !meta->is_object()) return "";
  const Json version = meta->value(kVersionKey, Json());
  return version.is_string() ? version.get<std::string>() : "";
}

}  // namespace

Task<Outcome<>> McpBridge::run() {
  Result<bool> more = true;
  while (more && *more) {
    more = co_await read_more();
    std::size_t end;
    while ((end = buffer_.find('\n')) != buffer_.npos) {
      take(buffer_.substr(0, end));
      buffer_.erase(0, end + 1);
    }
  }
  if (more && !buffer_.empty()) take(std::move(buffer_));
  // What streams without an end is cut off then; everything else has had its time.
  auto& loop = *async::EventLoop::current();
  const auto timer = loop.call_at(loop.now() + kAnswersAfterTheEnd, [this] { scope_.cancel(); });
  if (!more) scope_.cancel();
  co_await scope_.join();
  if (!more) co_return std::unexpected(Failure(more.error()));
  co_return Outcome<>();
}

Task<Result<bool>> McpBridge::read_more() {
  ACLOUD_CO_CHECK(co_await net::wait_readable(in_));
  std::string piece(64 * 1024, '\0');
  const ssize_t count = ::read(in_, piece.data(), piece.size());
  if (count < 0) co_return fail_errno(errno, "reading standard input");
  buffer_.append(piece, 0, static_cast<std::size_t>(count));
  if (buffer_.size() > kLineBytes)
    co_return fail(ErrorCode::invalid_argument, "a line is longer than {} bytes", kLineBytes);
  co_return count > 0;
}

void McpBridge::take(std::string line) {
  if (line.find_first_not_of(" \t\r") == line.npos) return;
  std::string id;
  auto message = mcp::parse_message(line, id);
  if (!message) {
    write(mcp::error_message(id, message.error()));
    return;
  }
  // On this transport one that stands alone is cancelled by its id; over HTTP its connection is closed.
  if (message->method == "notifications/cancelled" && message->params.contains("requestId")) {
    const auto running = running_.find(to_text(message->params["requestId"]));
    if (running != running_.end() && session_.empty()) running->second.request_stop();
    if (session_.empty()) return;
  }
  scope_.spawn(forward(std::move(line), *std::move(message)));
}

Task<> McpBridge::forward(std::string line, Message message) {
  std::stop_source stop;
  const std::stop_callback ended(co_await async::this_stop_token(), [&stop] { stop.request_stop(); });
  const bool asks = message.kind == Message::Kind::request;
  if (asks) running_.insert_or_assign(message.id, stop);
  const auto done = co_await exchange(line, message).with_stop(stop.get_token());
  if (asks) running_.erase(message.id);
  if (done || !asks || stop.stop_requested()) co_return;
  write(mcp::error_message(message.id, {mcp::Code::internal_error, done.error().error.message(), nullptr}));
}

Task<Outcome<>> McpBridge::exchange(const std::string& line, const Message& message) {
  net::Request request;
  request.method = "POST";
  request.target = path_;
  request.headers = headers_for(message);
  request.body = net::Body(line);
  auto response = co_await server_.send(std::move(request), {});
  if (!response) co_return std::unexpected(std::move(response).error());
  learn(message, *response);
  if (response->headers.value("content-type").starts_with("text/event-stream")) {
    const auto passed = co_await pass_events(*response);
    if (!passed) co_return std::unexpected(Failure(passed.error()));
    co_return Outcome<>();
  }
  auto body = co_await response->body.read_all(kLineBytes);
  if (!body) co_return std::unexpected(Failure(std::move(body).error()));
  if (body->empty()) co_return Outcome<>();
  std::string id;
  const auto answer = mcp::parse_message(*body, id);
  if (!answer) co_return std::unexpected(failure_of(response->status, *body, response->headers));
  if (id.empty() && answer->kind == Message::Kind::response)
    co_return std::unexpected(Failure(Error(ErrorCode::internal, answer->error.value("message", ""))));
  write(*body);
  co_return Outcome<>();
}

Task<Result<>> McpBridge::pass_events(net::Response& response) {
  net::SseParser parser(kLineBytes);
  for (;;) {
    ACLOUD_CO_TRY(const std::string piece, co_await response.body.read());
    if (piece.empty()) co_return Result<>();
    std::vector<net::Event> events;
    ACLOUD_CO_CHECK(parser.feed(piece, events));
    for (const net::Event& event : events) write(event.data);
  }
}

net::Headers McpBridge::headers_for(const Message& message) const {
  net::Headers headers{{"content-type", "application/json"},
                       {"accept", "application/json, text/event-stream"}};
  if (const std::string version = version_of(message); !version.empty()) {
    headers.add("mcp-protocol-version", version);
    headers.add("mcp-method", message.method);
    const char* field = mcp::named_by(message.method);
    if (field != nullptr && message.params.contains(field) && message.params[field].is_string())
      headers.add("mcp-name", mcp::header_value(message.params[field].get<std::string>()));
  } else if (!session_.empty()) {
    headers.add("mcp-protocol-version", std::string(mcp::kSessions));
    headers.add("mcp-session-id", session_);
  }
  return headers;
}

void McpBridge::learn(const Message& message, const net::Response& response) {
  if (message.method != "initialize") return;
  if (const auto session = response.headers.get("mcp-session-id")) session_ = *session;
}

void McpBridge::write(std::string_view line) { out_ << line << '\n' << std::flush; }

}  // namespace acloud::cli
