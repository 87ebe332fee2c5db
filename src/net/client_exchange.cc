#include "net/client_exchange.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>

namespace acloud::net {
namespace {

namespace http = beast::http;

constexpr std::size_t kBodyRead = 64 * 1024;
constexpr int kMaxInterimResponses = 32;  // 1xx
// How long a server that has stopped reading may still take to say why.
constexpr std::chrono::milliseconds kLastWord{1'000};

// Fields that speak of the connection, not of the response (RFC 9110, section 7.6.1).
bool is_of_connection(http::field name) {
  switch (name) {
    case http::field::connection:
    case http::field::keep_alive:
    case http::field::proxy_connection:
    case http::field::te:
    case http::field::trailer:
    case http::field::transfer_encoding:
    case http::field::upgrade:
      return true;
    default:
      return false;
  }
}

std::unexpected<Error> fail_not_http(const AsioError& error, std::string_view phase) {
  return fail_in_phase(
      Error(ErrorCode::unavailable, fmt::format("the answer is not valid HTTP: {}", error.message())), phase);
}

}  // namespace

// The body of a response. Going away before its end closes the connection.
class Exchange::BodyStream final : public Stream {
 public:
  explicit BodyStream(std::unique_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
  Task<Result<std::string>> read() override { return exchange_->read_body(); }

 private:
  std::unique_ptr<Exchange> exchange_;
};

Exchange::Exchange(Pool::Lease lease, Times times, std::size_t header_bytes)
    : lease_(std::move(lease)), pool_(lease_->pool()), times_(times), header_bytes_(header_bytes) {}

Task<Result<Response>> Exchange::run(std::unique_ptr<Exchange> self, const std::string& head,
                                     Request& request, bool& never_reached) {
  Connection& connection = self->lease_->connection();
  const auto before = connection.used ? connection.acknowledged() : std::nullopt;
  auto response = co_await self->talk(head, request);
  if (!response) {
    // Not a byte left this machine's kernel, or none was taken by the server's: it had closed before.
    never_reached = connection.used && !self->got_bytes_ && !self->source_read_ &&
                    (self->taken_ == 0 || (before && before == connection.acknowledged()));
    co_return response;
  }
  self->pool_->succeeded();
  if (!self->lease_) co_return response;  // it has no body
  const auto announced = self->parser_->content_length();
  if (announced && *announced <= connection.buffer.size()) {
    ACLOUD_CO_TRY(std::string bytes, co_await self->read_body());  // it came with the head: doesn't wait
    response->body = Body(std::move(bytes));
    co_return response;
  }
  const std::optional<std::uint64_t> length = announced ? std::optional(*announced) : std::nullopt;
  response->body = Body(std::make_unique<BodyStream>(std::move(self)), length);
  co_return response;
}

Task<Result<Response>> Exchange::talk(const std::string& head, Request& request) {
  close_after_ = request.headers.has_token("connection", "close");
  async::TaskScope scope;
  const auto stop_all = [this, &scope] {
    stop_reading_.request_stop();
    scope.cancel();
  };
  const std::stop_token stop = co_await async::this_stop_token();
  const std::stop_callback forward(stop, stop_all);

  scope.spawn(write(head, request));
  const Result<> read =
      co_await read_final_head(request.method == "HEAD").with_stop(stop_reading_.get_token());
  head_timer_.cancel();
  const bool refused = read && parser_->get().result_int() >= 300;
  if (!read || refused) scope.cancel();
  co_await scope.join();

  if (stop.stop_requested()) co_return fail(ErrorCode::cancelled, "the request was cancelled");
  if (!read) co_return std::unexpected(why_no_head(read.error()));
  if (source_error_ && !refused) co_return std::unexpected(*source_error_);
  co_return take_response();
}

// The error that says most: a request that could not be written explains a missing response.
Error Exchange::why_no_head(Error read_error) const {
  if (source_error_) return *source_error_;
  if (head_late_ && !write_error_) {
    return Error(ErrorCode::deadline_exceeded,
                 fmt::format("no response in {} ms after the request", times_.first_byte.count()))
        .with_detail("phase", "headers");
  }
  return write_error_ ? *write_error_ : std::move(read_error);
}

Task<> Exchange::write(const std::string& head, Request& request) {
  const Result<> written = co_await write_all(head, request);
  if (written) {
    written_ = true;
    await_head_for(times_.first_byte);
  } else if (source_error_ || written.error().code() == ErrorCode::deadline_exceeded) {
    write_error_ = written.error();
    stop_reading_.request_stop();
  } else if (written.error().code() != ErrorCode::cancelled) {
    write_error_ = written.error();
    await_head_for(kLastWord);
  }
}

void Exchange::await_head_for(std::chrono::milliseconds time) {
  if (parser_ && parser_->is_header_done()) return;
  auto& loop = *async::EventLoop::current();
  head_timer_ = loop.call_at(loop.now() + time, [this] {
    head_late_ = true;
    stop_reading_.request_stop();
  });
}

Task<Result<>> Exchange::write_all(const std::string& head, Request& request) {
  const std::string& bytes = request.body.bytes();
  if (!request.body.is_stream() && bytes.size() <= kBodyRead) {
    const std::string whole = head + bytes;  // one system call, one packet
    co_return co_await write_bytes(whole);
  }
  ACLOUD_CO_CHECK(co_await write_bytes(head));
  if (!request.body.is_stream()) co_return co_await write_bytes(bytes);
  co_return co_await write_body(request);
}

Task<Result<>> Exchange::write_body(Request& request) {
  const bool chunked = is_chunked(request);
  std::uint64_t left = request.body.length().value_or(0);
  for (;;) {
    source_read_ = true;
    auto bytes = co_await request.body.read();
    if (!bytes) {
      if (bytes.error().code() != ErrorCode::cancelled) source_error_ = bytes.error();
      co_return std::unexpected(std::move(bytes).error());
    }
    if (!chunked && (bytes->size() > left || (bytes->empty() && left != 0))) {
      source_error_ = Error(ErrorCode::invalid_argument,
                            fmt::format("the request's body is {} than the length given for it",
                                        bytes->empty() ? "shorter" : "longer"));
      co_return std::unexpected(*source_error_);
    }
    if (!chunked) {
      if (bytes->empty()) co_return Result<>();
      left -= bytes->size();
    }
    const bool last = bytes->empty();
    if (chunked) bytes = last ? "0\r\n\r\n" : fmt::format("{:x}\r\n{}\r\n", bytes->size(), *bytes);
    ACLOUD_CO_CHECK(co_await write_bytes(*bytes));
    if (last) co_return Result<>();
  }
}

Task<Result<>> Exchange::write_bytes(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = co_await async::with_deadline(async::Deadline::after(times_.between_bytes),
                                                       "sending the request", write_some(bytes));
    if (!written) co_return fail_in_phase(written.error(), "send");
    taken_ += *written;
    bytes.remove_prefix(*written);
  }
  co_return Result<>();
}

Task<Result<std::size_t>> Exchange::write_some(std::string_view bytes) {
  const auto written = co_await await_asio<std::size_t>([&](auto handler) {
    lease_->connection().transport.async_write_some(asio::buffer(bytes), std::move(handler));
  });
  if (written.error) co_return fail_asio(written, "sending the request");
  co_return written.value;
}

// Reads into the connection's buffer; 0 at the end of what the server sends.
Task<Result<std::size_t>> Exchange::read_some(std::size_t at_most) {
  Connection& connection = lease_->connection();
  const auto room =
      connection.buffer.prepare(std::min(at_most, connection.buffer.max_size() - connection.buffer.size()));
  const auto read = co_await await_asio<std::size_t>(
      [&](auto handler) { connection.transport.async_read_some(room, std::move(handler)); });
  connection.buffer.commit(read.value);
  if (read.value != 0) got_bytes_ = true;
  if (read.error == asio::error::eof) co_return 0;
  if (read.error) co_return fail_asio(read, "reading the response");
  co_return read.value;
}

Task<Result<>> Exchange::read_final_head(bool is_head_request) {
  for (int i = 0; i < kMaxInterimResponses; ++i) {
    ACLOUD_CO_CHECK(co_await read_head(is_head_request));
    const unsigned status = parser_->get().result_int();
    if (status == 101) {
      co_return fail_in_phase(Error(ErrorCode::unavailable, "the server changed protocols unasked"),
                              "headers");
    }
    if (status >= 200) co_return Result<>();
  }
  co_return fail_in_phase(Error(ErrorCode::unavailable, "the server sends interim responses without end"),
                          "headers");
}

Task<Result<>> Exchange::read_head(bool is_head_request) {
  auto& buffer = lease_->connection().buffer;
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(header_bytes_));
  parser_->body_limit(boost::none);
  parser_->skip(is_head_request);
  for (;;) {
    AsioError error;
    if (buffer.size() != 0) buffer.consume(parser_->put(buffer.data(), error));
    if (parser_->is_header_done()) break;
    if (error && error != http::error::need_more) co_return fail_not_http(error, "headers");
    const auto read = co_await read_some(read_size_);
    if (!read) co_return fail_in_phase(read.error(), "headers");
    if (*read == 0) {
      co_return fail_in_phase(
          Error(ErrorCode::unavailable, got_bytes_
                                            ? "the server closed the connection within the response's headers"
                                            : "the server closed the connection without a response"),
          "headers");
    }
  }
  parser_->eager(true);  // from here on as much of the body as the buffer holds
  co_return Result<>();
}

Response Exchange::take_response() {
  Response response;
  const auto& message = parser_->get();
  response.status = static_cast<int>(message.result_int());
  for (const auto& field : message) {
    if (!is_of_connection(field.name())) response.headers.add(field.name_string(), field.value());
  }
  if (parser_->is_done()) finish();  // HEAD, 204, 304, an empty body
  return response;
}

void Exchange::finish() {
  Connection& connection = lease_->connection();
  if (written_ && !close_after_ && parser_->keep_alive() && connection.buffer.size() == 0) lease_->keep();
  lease_.reset();
}

Task<Result<std::string>> Exchange::read_body() {
  while (lease_) {
    auto& buffer = lease_->connection().buffer;
    std::string bytes(buffer.size(), '\0');
    auto& body = parser_->get().body();
    body = {bytes.data(), bytes.size(), true};
    AsioError error;
    if (!bytes.empty()) buffer.consume(parser_->put(buffer.data(), error));
    if (error && error != http::error::need_more && error != http::error::need_buffer) {
      co_return body_failed(fail_not_http(error, "body").error());
    }
    bytes.resize(bytes.size() - body.size);
    if (parser_->is_done()) finish();
    if (!bytes.empty()) co_return bytes;
    if (lease_) ACLOUD_CO_CHECK(co_await read_more_body());
  }
  co_return "";
}

Task<Result<>> Exchange::read_more_body() {
  const auto read = co_await async::with_deadline(async::Deadline::after(times_.between_bytes),
                                                  "reading the response's body", read_some(read_size_));
  if (!read) co_return body_failed(read.error());
  if (*read == read_size_) read_size_ = std::min(2 * read_size_, kBodyRead);
  if (*read == 0) {
    AsioError error;
    parser_->put_eof(error);
    if (error) {
      co_return body_failed(
          Error(ErrorCode::unavailable, "the server closed the connection within the response's body"));
    }
  }
  co_return Result<>();
}

std::unexpected<Error> Exchange::body_failed(Error error) {
  if (error.code() == ErrorCode::unavailable) pool_->failed();
  lease_.reset();
  return fail_in_phase(std::move(error), "body");
}

}  // namespace acloud::net
