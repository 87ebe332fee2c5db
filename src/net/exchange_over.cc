#include "net/exchange_over.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <stop_token>

#include "async/task_scope.h"
#include "net/client_exchange.h"
#include "net/text.h"

namespace acloud::net {
namespace {

namespace http = boost::beast::http;
using Parser = http::response_parser<http::buffer_body>;

constexpr std::uint32_t kHeaderBytes = 64 * 1024;
constexpr int kMostInterim = 32;

bool is_of_connection(std::string_view name) {
  for (const char* other :
       {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}) {
    if (same_token(name, other)) return true;
  }
  return false;
}

std::unexpected<Error> not_http(const boost::system::error_code& error) {
  return fail(ErrorCode::unavailable, "the answer is not valid HTTP: {}", error.message());
}

// What both directions of one exchange share.
class Over {
 public:
  Over(std::unique_ptr<ByteStream> stream, std::chrono::milliseconds wait)
      : stream_(std::move(stream)), wait_(wait) {}
  ~Over() {
    if (stream_) stream_->close();
  }
  Over(const Over&) = delete;
  Over& operator=(const Over&) = delete;

  Task<Result<>> read_head(bool head_request, bool may_upgrade);
  // "" at the end.
  Task<Result<std::string>> read_body();
  Task<> send(std::string head, Request& request);

  Parser& parser() { return *parser_; }
  const std::optional<Error>& send_error() const { return send_error_; }
  // What was read beyond the head, and the stream.
  std::pair<std::string, std::unique_ptr<ByteStream>> leave() {
    return {std::move(buffer_), std::move(stream_)};
  }

 private:
  Task<Result<>> send_all(std::string head, Request& request);
  Task<Result<bool>> fill();
  Task<Result<>> read_one_head(bool head_request);

  std::unique_ptr<ByteStream> stream_;
  std::chrono::milliseconds wait_;
  std::string buffer_;
  std::optional<Parser> parser_;
  std::optional<Error> send_error_;
};

// False at the end.
Task<Result<bool>> Over::fill() {
  ACLOUD_CO_TRY(const std::string bytes,
                co_await async::with_deadline(async::Deadline::after(wait_), "waiting for the answer",
                                              stream_->read()));
  buffer_ += bytes;
  co_return !bytes.empty();
}

Task<Result<>> Over::read_one_head(bool head_request) {
  parser_.emplace();
  parser_->header_limit(kHeaderBytes);
  parser_->body_limit(boost::none);
  parser_->skip(head_request);
  for (;;) {
    boost::system::error_code error;
    if (!buffer_.empty()) buffer_.erase(0, parser_->put(boost::asio::buffer(buffer_), error));
    if (parser_->is_header_done()) break;
    if (error && error != http::error::need_more) co_return not_http(error);
    ACLOUD_CO_TRY(const bool more, co_await fill());
    if (!more) co_return fail(ErrorCode::unavailable, "the connection was closed without a whole answer");
  }
  parser_->eager(true);
  co_return Result<>();
}

Task<Result<>> Over::read_head(bool head_request, bool may_upgrade) {
  for (int i = 0; i < kMostInterim; ++i) {
    ACLOUD_CO_CHECK(co_await read_one_head(head_request));
    const unsigned status = parser_->get().result_int();
    if (status >= 200 || (status == 101 && may_upgrade)) co_return Result<>();
    if (status == 101) co_return fail(ErrorCode::unavailable, "the server switched protocols unasked");
  }
  co_return fail(ErrorCode::unavailable, "the server sends interim responses without end");
}

Task<Result<std::string>> Over::read_body() {
  while (!parser_->is_done()) {
    std::string bytes(buffer_.size(), '\0');
    auto& body = parser_->get().body();
    body = {bytes.data(), bytes.size(), true};
    boost::system::error_code error;
    if (!bytes.empty()) buffer_.erase(0, parser_->put(boost::asio::buffer(buffer_), error));
    if (error && error != http::error::need_more && error != http::error::need_buffer)
      co_return not_http(error);
    bytes.resize(bytes.size() - body.size);
    if (!bytes.empty()) co_return bytes;
    if (parser_->is_done()) break;
    ACLOUD_CO_TRY(const bool more, co_await fill());
    if (more) continue;
    parser_->put_eof(error);
    if (error) co_return fail(ErrorCode::unavailable, "the connection was closed within the answer's body");
  }
  co_return std::string();
}

Task<> Over::send(std::string head, Request& request) {
  if (auto sent = co_await send_all(std::move(head), request); !sent) send_error_ = std::move(sent).error();
}

Task<Result<>> Over::send_all(std::string head, Request& request) {
  ACLOUD_CO_CHECK(co_await stream_->write(head));
  const bool chunked = is_chunked(request);
  for (;;) {
    auto piece = co_await request.body.read();
    // Who gives the body is gone: so is the request.
    if (!piece && piece.error().code() != ErrorCode::cancelled) stream_->close();
    if (!piece) co_return std::unexpected(std::move(piece).error());
    if (piece->empty()) break;
    if (chunked) piece = fmt::format("{:x}\r\n{}\r\n", piece->size(), *piece);
    ACLOUD_CO_CHECK(co_await stream_->write(*piece));
  }
  if (chunked) co_return co_await stream_->write("0\r\n\r\n");
  co_return Result<>();
}

class BodyOver final : public Stream {
 public:
  explicit BodyOver(std::unique_ptr<Over> over) : over_(std::move(over)) {}
  Task<Result<std::string>> read() override { return over_->read_body(); }

 private:
  std::unique_ptr<Over> over_;
};

// An upgraded connection, with what came behind its head.
class Early final : public ByteStream {
 public:
  explicit Early(std::pair<std::string, std::unique_ptr<ByteStream>> rest)
      : early_(std::move(rest.first)), stream_(std::move(rest.second)) {}
  Task<Result<std::string>> read() override {
    if (!early_.empty()) co_return std::exchange(early_, {});
    co_return co_await stream_->read();
  }
  Task<Result<>> write(std::string_view bytes) override { return stream_->write(bytes); }
  Task<Result<>> shutdown() override { return stream_->shutdown(); }
  void close() override { stream_->close(); }

 private:
  std::string early_;
  std::unique_ptr<ByteStream> stream_;
};

Task<> copy_both(std::shared_ptr<ByteStream> server, std::unique_ptr<ByteStream> client) {
  (void)co_await pipe(*server, *client);
}

Response response_of(std::unique_ptr<Over> over, bool upgraded) {
  Response response;
  const auto& message = over->parser().get();
  response.status = static_cast<int>(message.result_int());
  for (const auto& field : message) {
    const std::string_view name(field.name_string().data(), field.name_string().size());
    if (upgraded || !is_of_connection(name))
      response.headers.add(std::string(name), std::string(field.value().data(), field.value().size()));
  }
  if (upgraded) {
    // A std::function is copied, a stream is not: shared by the copies.
    std::shared_ptr<ByteStream> server = std::make_shared<Early>(over->leave());
    response.take_over = [server](std::unique_ptr<ByteStream> client) {
      return copy_both(server, std::move(client));
    };
    return response;
  }
  if (over->parser().is_done()) return response;
  const auto announced = over->parser().content_length();
  const std::optional<std::uint64_t> length = announced ? std::optional(*announced) : std::nullopt;
  response.body = Body(std::make_unique<BodyOver>(std::move(over)), length);
  return response;
}

}  // namespace

Task<Result<Response>> exchange_over(std::unique_ptr<ByteStream> stream, Request& request,
                                     std::chrono::milliseconds wait) {
  const bool upgrade = request.headers.get("upgrade").has_value();
  if (!upgrade) request.headers.set("connection", "close");
  ACLOUD_CO_TRY(std::string head, request_head({.scheme = "http", .host = "localhost", .port = 80}, request));
  auto over = std::make_unique<Over>(std::move(stream), wait);
  async::TaskScope sending;
  sending.spawn(over->send(std::move(head), request));
  const auto read = co_await over->read_head(request.method == "HEAD", upgrade);
  // What the server wants no more of, or nobody waits for, is not sent on.
  if (!read || over->parser().get().result_int() >= 300) sending.cancel();
  co_await sending.join();
  if (!read) co_return std::unexpected(over->send_error() ? *over->send_error() : read.error());
  const bool upgraded = upgrade && over->parser().get().result_int() == 101;
  co_return response_of(std::move(over), upgraded);
}

}  // namespace acloud::net
