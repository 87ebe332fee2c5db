// One request's body in and its response out.
#include "base/log.h"
#include "net/server_request_body.h"

namespace acloud::net {
namespace {

constexpr std::size_t kBodyBuffer = 64 * 1024;
// What is left of a body that nobody wanted is read and dropped if it is no more than this, to keep the
// connection; otherwise ending it costs less.
constexpr std::uint64_t kSkippable = 64 * 1024;

}  // namespace

// What the handler's side writes of a body without a known length.
class ServerConnection::ChunkWriter final : public BodyWriter {
 public:
  ChunkWriter(Output& output, bool chunked) : output_(output), chunked_(chunked) {}
  Task<Result<>> write(std::string_view bytes) override {
    if (bytes.empty()) co_return Result<>();  // an empty chunk would end the body
    if (!chunked_) co_return co_await output_.write(bytes);
    size_.clear();
    fmt::format_to(std::back_inserter(size_), FMT_STRING("{:x}\r\n"), bytes.size());
    co_return co_await output_.write(size_, bytes, "\r\n");
  }
  Task<Result<>> finish() {
    if (!chunked_) co_return Result<>();
    co_return co_await output_.write("0\r\n\r\n");
  }

 private:
  Output& output_;
  bool chunked_;
  std::string size_;
};

// A response that its handler sends itself.
class ServerConnection::EarlyResponse final : public Responder {
 public:
  explicit EarlyResponse(ServerConnection& connection) : connection_(connection) {}

  Task<Result<>> begin(Response head, std::string_view first) override {
    ServerConnection& c = connection_;
    const bool old = c.parser_->http_1_0();
    head.body = Body();
    head.produce = [](BodyWriter&) -> Task<Result<>> { co_return Result<>(); };  // so: of unknown length
    framing_ = framing_of(head, c.parser_->request().method, old);
    stays_ = c.keeps_alive() && framing_->kind != Framing::Kind::until_close;
    c.continued_ = true;
    c.head_.clear();
    put_head(c.head_, head, *framing_, stays_, old);
    if (!has_body() || first.empty()) co_return co_await c.output_.write(c.head_);
    if (framing_->kind != Framing::Kind::chunked) co_return co_await c.output_.write(c.head_, first);
    fmt::format_to(std::back_inserter(c.head_), FMT_STRING("{:x}\r\n"), first.size());
    co_return co_await c.output_.write(c.head_, first, "\r\n");
  }

  Task<Result<>> write(std::string_view bytes) override {
    if (bytes.empty() || !has_body()) co_return Result<>();
    if (framing_->kind != Framing::Kind::chunked) co_return co_await connection_.output_.write(bytes);
    put_size(bytes.size());
    co_return co_await connection_.output_.write(size_, bytes, "\r\n");
  }

  Task<Result<>> finish(std::string_view last) override {
    if (!has_body() || framing_->kind != Framing::Kind::chunked) {
      ACLOUD_CO_CHECK(co_await write(last));
    } else if (last.empty()) {
      ACLOUD_CO_CHECK(co_await connection_.output_.write("0\r\n\r\n"));
    } else {
      put_size(last.size());
      ACLOUD_CO_CHECK(co_await connection_.output_.write(size_, last, "\r\n0\r\n\r\n"));
    }
    finished_ = true;
    co_return Result<>();
  }

  bool begun() const override { return framing_.has_value(); }
  // True where it is whole and the connection can serve another request.
  bool stays() const { return finished_ && stays_; }
  bool finished() const { return finished_; }

 private:
  bool has_body() const { return framing_->send_body && framing_->kind != Framing::Kind::none; }
  void put_size(std::size_t size) {
    size_.clear();
    fmt::format_to(std::back_inserter(size_), FMT_STRING("{:x}\r\n"), size);
  }

  ServerConnection& connection_;
  std::optional<Framing> framing_;
  bool stays_ = false;
  bool finished_ = false;
  std::string size_;
};

// Runs the handler and sends what it gives, unless it has done so itself. True where the connection can serve
// another request.
Task<bool> ServerConnection::handle_and_answer() {
  EarlyResponse early(*this);
  parser_->request().responder = &early;
  Response response = co_await handle();
  if (!early.begun()) co_return co_await answer(response);
  if (!early.finished()) {
    abort();
  } else if (!early.stays() && !parser_->done()) {
    co_await linger();
  }
  co_return early.stays();
}

Task<Response> ServerConnection::handle() {
  Request& request = parser_->request();
  try {
    co_return co_await context_.handler(request).with_stop(stop_.get_token());
  } catch (const std::exception& exception) {
    log::error("an exception left a request's handler",
               {{"method", request.method}, {"target", request.target}, {"what", exception.what()}});
  }
  co_return context_.refuse(Error(ErrorCode::internal, "the request failed; this is a fault of the server"),
                            500);
}

bool ServerConnection::keeps_alive() const {
  if (context_.draining || body_error_ || !parser_->wants_keep_alive()) return false;
  if (parser_->done()) return true;
  // Of a client that waits for 100 Continue nobody knows whether the body will still come.
  const bool may_come = !parser_->expects_continue() || continued_;
  return may_come && parser_->body_length().value_or(kSkippable + 1) <= kSkippable;
}

// Sends the response. True where the connection can serve another request.
Task<bool> ServerConnection::answer(Response& response) {
  if (response.websocket || response.take_over) {
    co_await leave_http(response);
    co_return false;
  }
  const Framing framing = framing_of(response, parser_->request().method, parser_->http_1_0());
  const bool stays = keeps_alive() && framing.kind != Framing::Kind::until_close;
  continued_ = true;  // from here on it would come after the response's head
  head_.clear();
  put_head(head_, response, framing, stays, parser_->http_1_0());
  bool sent = false;
  if (!framing.send_body || framing.kind == Framing::Kind::none) {
    sent = output_.write_now(head_, {}) || co_await output_.write_rest();
  } else if (!response.body.is_stream() && !response.produce) {
    sent = output_.write_now(head_, response.body.bytes()) || co_await output_.write_rest();
  } else {
    sent = (co_await send_body(response, framing)).has_value();
  }
  if (!sent) {
    abort();  // so that the client sees a broken body, not a short one
  } else if (!stays && !parser_->done()) {
    co_await linger();
  }
  co_return sent&& stays;
}

Task<Result<>> ServerConnection::send_body(Response& response, const Framing& framing) {
  if (framing.kind == Framing::Kind::length) co_return co_await send_stream(response, framing);
  // The head goes first: what comes may take its time, and the client may wait to see it begin.
  ACLOUD_CO_CHECK(co_await output_.write(head_));
  ChunkWriter writer(output_, framing.kind == Framing::Kind::chunked);
  if (response.produce) {
    ACLOUD_CO_CHECK(co_await response.produce(writer).with_stop(stop_.get_token()));
    co_return co_await writer.finish();
  }
  while (true) {
    ACLOUD_CO_TRY(const std::string piece, co_await response.body.read().with_stop(stop_.get_token()));
    if (piece.empty()) co_return co_await writer.finish();
    ACLOUD_CO_CHECK(co_await writer.write(piece));
  }
}

// A stream of known length: the head goes with its first piece.
Task<Result<>> ServerConnection::send_stream(Response& response, const Framing& framing) {
  std::uint64_t left = framing.length;
  std::string_view head = head_;
  while (left > 0) {
    ACLOUD_CO_TRY(const std::string piece, co_await response.body.read().with_stop(stop_.get_token()));
    if (piece.empty() || piece.size() > left) {
      log::error("a response's stream was not as long as announced",
                 {{"target", parser_->request().target}, {"announced", framing.length}});
      co_return fail(ErrorCode::internal, "a stream of {} bytes had another length", framing.length);
    }
    left -= piece.size();
    ACLOUD_CO_CHECK(co_await output_.write(std::exchange(head, {}), piece));
  }
  if (!head.empty()) co_return co_await output_.write(head);
  co_return Result<>();
}

// The next bytes of the request's body; "" at its end.
Task<Result<std::string>> ServerConnection::read_body() {
  std::string piece;
  while (!body_error_ && !parser_->done()) {
    piece.reserve(input_.bytes().size());
    const std::size_t taken = parser_->parse(input_.bytes(), piece);
    input_.consume(taken);
    if (parser_->done()) input_.read_ahead();
    if (!piece.empty()) co_return piece;
    if (parser_->refusal()) {
      body_error_ = parser_->refusal()->error;
    } else if (taken == 0 && input_.bytes().size() >= kBodyBuffer) {
      body_error_ = Error(ErrorCode::invalid_argument, "malformed HTTP: a chunk's head is too long");
    } else if (!parser_->done()) {
      ACLOUD_CO_CHECK(co_await send_continue());
      timeouts_.set(Timeouts::read, limits_.body_stall);
      const Input::Event event = co_await input_.fill(kBodyBuffer);
      timeouts_.clear(Timeouts::read);
      if (event == Input::Event::more) continue;
      if (event == Input::Event::stopped) co_return fail(ErrorCode::cancelled, "reading the request's body");
      body_error_ = timeouts_.expired(Timeouts::read)
                        ? Error(ErrorCode::deadline_exceeded, "no byte of the request's body came in time")
                        : Error(ErrorCode::unavailable, "the client went away within the request's body");
    }
  }
  if (body_error_) co_return std::unexpected(*body_error_);
  co_return piece;
}

Task<Result<>> ServerConnection::send_continue() {
  if (!parser_->expects_continue() || std::exchange(continued_, true)) co_return Result<>();
  co_return co_await output_.write("HTTP/1.1 100 Continue\r\n\r\n");
}

// Reads what the handler left of the body. False where that can't be done.
Task<bool> ServerConnection::skip_body() {
  while (!parser_->done()) {
    const auto piece = co_await read_body();
    if (!piece) co_return false;
  }
  co_return true;
}

}  // namespace acloud::net
