#include "mcp/http_transport.h"

#include "mcp/header_value.h"
#include "mcp/tool.h"
#include "net/text.h"

namespace acloud::mcp {
namespace {

constexpr std::chrono::seconds kSaid{5};  // for a message that needs no answer
constexpr std::size_t kSayingMost = 16;
constexpr std::size_t kRefusalBytes = 4096;
constexpr std::size_t kSessionBytes = 1024;

net::ClientOptions client_options(const std::string& ca_file) {
  // How long an answer may take is for whoever asks to say.
  const std::chrono::hours day{24};
  return {
      .connections_per_origin = 300, .first_byte_time = day, .between_bytes_time = day, .ca_file = ca_file};
}

bool has_type(const net::Response& response, std::string_view type) {
  const std::string_view value = response.headers.value("content-type");
  return net::same_token(net::trim(value.substr(0, value.find(';'))), type);
}

}  // namespace

HttpTransport::HttpTransport(Options options, Hearer& hearer)
    : Transport(hearer),
      options_(std::move(options)),
      client_(*async::EventLoop::current(), client_options(options_.ca_file)) {}

void HttpTransport::add_headers(net::Request& request) const {
  request.target = options_.url.target;
  for (const auto& [name, value] : options_.headers) request.headers.add(name, value);
  request.headers.set("user-agent", "acloud");
  if (!version_.empty()) request.headers.set("mcp-protocol-version", version_);
  if (!session_.empty()) request.headers.set("mcp-session-id", session_);
}

net::Request HttpTransport::post(const Request& request, std::string body) const {
  net::Request made{.method = "POST", .body = std::move(body)};
  add_headers(made);
  made.headers.set("content-type", "application/json");
  made.headers.set("accept", "application/json, text/event-stream");
  if (version_ == kStateless) {
    made.headers.set("mcp-method", request.method);
    if (!request.name.empty()) made.headers.set("mcp-name", header_value(request.name));
    for (const auto& [name, value] : request.arguments)
      made.headers.set("mcp-param-" + name, header_value(value));
  }
  return made;
}

Task<Result<Message>> HttpTransport::request(Request request) {
  const std::string id = std::to_string(next_id_++);
  auto answer = co_await exchange(id, post(request, request_message(id, request.method, request.params)));
  const bool given_up = !answer && answer.error().code() == ErrorCode::cancelled;
  // In the stateless revision the closed connection says it.
  if (given_up && !session_.empty() && request.method != "initialize")
    say(notification_message("notifications/cancelled", fmt::format(R"({{"requestId":{}}})", id)));
  co_return answer;
}

Task<Result<Message>> HttpTransport::exchange(std::string id, net::Request request) {
  ACLOUD_CO_TRY(net::Response response, co_await client_.send(options_.url.origin, std::move(request)));
  if (response.status == 200 && has_type(response, "text/event-stream"))
    co_return co_await read_events(std::move(id), std::move(response));
  const bool fine = response.status == 200;
  const auto body = co_await response.body.read_all(fine ? kMessageBytes : kRefusalBytes);
  if (!body && fine) co_return std::unexpected(Error(body.error()).within("its answer"));
  std::string said;
  Rpc<Message> message = refuse(Code::parse_error, "it is not application/json");
  if (body && has_type(response, "application/json")) message = parse_message(*body, said);
  const bool answers = message && message->kind == Message::Kind::response && (message->id == id || !fine);
  if (!fine && (!answers || response.status == 404))
    co_return std::unexpected(refused(response, body.value_or("")));
  if (!answers) {
    co_return fail(ErrorCode::unavailable, "its answer is no message: {}",
                   message ? "it does not belong to the request" : message.error().message);
  }
  if (const auto session = response.headers.get("mcp-session-id");
      session && session_.empty() && session->size() <= kSessionBytes) {
    session_ = *session;
  }
  co_return *std::move(message);
}

Error HttpTransport::refused(const net::Response& response, std::string_view body) {
  std::string message = fmt::format("it answers HTTP {} {}", response.status, net::reason(response.status));
  if (response.status == 401 || response.status == 403) message += "; see bearer and headers";
  if (const std::string text = plain_text(body, 200); !text.empty() && response.status != 404)
    message += ": " + text;
  Error error(ErrorCode::unavailable, std::move(message));
  if (response.status == 404 && !session_.empty() && !lost_) {
    lost_ = true;
    error = Error(ErrorCode::unavailable, "its session is over");
    hearer().lost(error);
  }
  return std::move(error).with_detail("status", response.status);
}

Result<> HttpTransport::take_event(const net::Event& event, const std::string& id,
                                   std::optional<Message>& answer) {
  if (event.data.empty()) return {};
  std::string said;
  auto message = parse_message(event.data, said);
  if (!message)
    return fail(ErrorCode::unavailable, "it sends what is no message: {}", message.error().message);
  if (message->kind == Message::Kind::response && message->id == id && !answer) {
    answer = *std::move(message);
    return {};
  }
  ACLOUD_CHECK(count_unasked());
  if (message->kind == Message::Kind::response) return {};
  if (std::string reply = take(*message); !reply.empty()) say(std::move(reply));
  return {};
}

Task<Result<Message>> HttpTransport::read_events(std::string id, net::Response response) {
  if (const auto session = response.headers.get("mcp-session-id");
      session && session_.empty() && session->size() <= kSessionBytes) {
    session_ = *session;
  }
  net::SseParser parser(kMessageBytes);
  std::optional<Message> answer;
  while (!answer) {
    ACLOUD_CO_TRY(const std::string bytes, co_await response.body.read());
    if (bytes.empty()) co_return fail(ErrorCode::unavailable, "its stream ended before the answer");
    std::vector<net::Event> events;
    ACLOUD_CO_CHECK(parser.feed(bytes, events));
    for (const net::Event& event : events) ACLOUD_CO_CHECK(take_event(event, id, answer));
  }
  co_return *std::move(answer);
}

Task<Result<>> HttpTransport::read_stream(net::Response response) {
  net::SseParser parser(kMessageBytes);
  std::optional<Message> end;
  for (;;) {
    ACLOUD_CO_TRY(const std::string bytes, co_await response.body.read());
    if (bytes.empty()) co_return Result<>();
    std::vector<net::Event> events;
    ACLOUD_CO_CHECK(parser.feed(bytes, events));
    for (const net::Event& event : events) ACLOUD_CO_CHECK(take_event(event, "", end));
  }
}

Task<> HttpTransport::listen(Request request) {
  net::Request asked;
  if (request.method.empty()) {
    asked.method = "GET";
    add_headers(asked);
    asked.headers.set("accept", "text/event-stream");
  } else {
    asked = post(request, request_message(std::to_string(next_id_++), request.method, request.params));
  }
  auto response = co_await client_.send(options_.url.origin, std::move(asked));
  if (!response || response->status != 200 || !has_type(*response, "text/event-stream")) co_return;
  (void)co_await read_stream(*std::move(response));
}

Task<Result<>> HttpTransport::send(std::string text) {
  ACLOUD_CO_TRY(net::Response response,
                co_await client_.send(options_.url.origin, post({}, std::move(text))));
  if (response.status >= 200 && response.status < 300) co_return Result<>();
  co_return std::unexpected(refused(response, ""));
}

Task<> HttpTransport::send_later(std::string text) {
  (void)co_await async::with_deadline(async::Deadline::after(kSaid), "a message", send(std::move(text)));
}

void HttpTransport::say(std::string text) {
  if (scope_.running() < kSayingMost) scope_.spawn(send_later(std::move(text)));
}

Task<Result<>> HttpTransport::notify(std::string method, std::string params) {
  co_return co_await async::with_deadline(async::Deadline::after(kSaid), "a message",
                                          send(notification_message(method, params)));
}

Task<> HttpTransport::close() {
  scope_.cancel();
  co_await scope_.join();
  if (session_.empty() || lost_) co_return;
  net::Request request{.method = "DELETE"};
  add_headers(request);
  (void)co_await async::with_deadline(async::Deadline::after(std::chrono::seconds(2)), "the end of a session",
                                      client_.send(options_.url.origin, std::move(request)))
      .shielded();
}

}  // namespace acloud::mcp
