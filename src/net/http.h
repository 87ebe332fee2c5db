// HTTP in plain types. What Asio and Beast are to it stays in this folder's .cc files.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/task.h"
#include "base/error.h"

namespace acloud::net {

// Header fields in the order they came. Names compare without regard to case.
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;

  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}

  // The first value of `name`, or nothing.
  std::optional<std::string_view> get(std::string_view name) const;
  // The same, or "".
  std::string_view value(std::string_view name) const { return get(name).value_or(std::string_view()); }
  // True where one of the comma-separated values of `name` is `token`, without regard to case.
  bool has_token(std::string_view name, std::string_view token) const;
  void add(std::string name, std::string value);
  void set(std::string name, std::string value);
  void remove(std::string_view name);
  std::size_t size() const { return fields_.size(); }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

 private:
  std::vector<Field> fields_;
};

// A source of bytes that is read to its end once. The reader sets the pace: back-pressure is not reading.
class Stream {
 public:
  virtual ~Stream() = default;
  // The next bytes, at least one; "" at the end, and again after it.
  // Errors: cancelled, unavailable (the peer is gone), too_large, deadline_exceeded, invalid_argument.
  virtual Task<Result<std::string>> read() = 0;
};

// A body: bytes at hand, or a stream of known or unknown length.
class Body {
 public:
  Body() = default;
  Body(std::string bytes) : bytes_(std::move(bytes)) {}  // NOLINT: a string is a body
  // `length` where it is known; else the body goes out chunked.
  explicit Body(std::unique_ptr<Stream> stream, std::optional<std::uint64_t> length = {})
      : stream_(std::move(stream)), length_(length) {}

  bool is_stream() const { return stream_ != nullptr; }
  // Known for bytes at hand and for streams that were given one (Content-Length).
  std::optional<std::uint64_t> length() const;
  const std::string& bytes() const { return bytes_; }
  Stream* stream() { return stream_.get(); }

  // The next bytes, whichever kind it is; "" at the end.
  Task<Result<std::string>> read();
  // Everything that is left. Errors: too_large beyond `limit` bytes, and those of Stream::read.
  Task<Result<std::string>> read_all(std::size_t limit);

 private:
  std::string bytes_;
  std::unique_ptr<Stream> stream_;
  std::optional<std::uint64_t> length_;
};

class Responder;

struct Request {
  std::string method = "GET";
  std::string target = "/";  // as it came: path and query, still encoded
  Headers headers;
  Body body;
  std::string peer;  // "ip:port" of the other side; "" in a client's request
  // For a handler that begins its response while it still works. Set in every request of a server; null in a
  // client's.
  Responder* responder = nullptr;

  // The part of `target` before '?', still encoded.
  std::string_view path() const;
  // The part after '?', or "".
  std::string_view query() const;
};

// The decoded name=value pairs of a query or a form, in order. Errors: invalid_argument (bad encoding).
Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query);

// A connection that has stopped being HTTP: CONNECT, an upgrade, a plain TCP or Unix socket.
class ByteStream : public Stream {
 public:
  // Returns when the bytes are handed to the kernel. Errors: as read().
  virtual Task<Result<>> write(std::string_view bytes) = 0;
  // Says that no more will be written; reading goes on.
  virtual Task<Result<>> shutdown() = 0;
  // Breaks the connection at once; pending reads and writes end with `unavailable`.
  virtual void close() = 0;
};

// Copies both ways until both sides have ended or one is gone.
Task<Result<>> pipe(ByteStream& a, ByteStream& b);

// One message of a WebSocket.
struct Message {
  bool text = true;
  std::string data;
};

class WebSocket {
 public:
  virtual ~WebSocket() = default;
  // Nothing when the peer has closed. Pings are answered unseen. Errors: too_large, unavailable, cancelled.
  virtual Task<Result<std::optional<Message>>> receive() = 0;
  virtual Task<Result<>> send(Message message) = 0;
  virtual Task<Result<>> close(std::uint16_t code = 1000, std::string reason = "") = 0;
};

// Where a response's body goes piece by piece.
class BodyWriter {
 public:
  virtual ~BodyWriter() = default;
  // Returns when the kernel has the bytes: waiting is back-pressure. Errors: unavailable (the client is
  // gone), deadline_exceeded, cancelled.
  virtual Task<Result<>> write(std::string_view bytes) = 0;
};

struct Response {
  int status = 200;
  Headers headers;
  Body body;

  // Set instead of a body to write it from the connection's own task, after the head was sent; the Request is
  // still there. An error breaks the connection off, so that the client knows the body is not whole.
  std::function<Task<Result<>>(BodyWriter&)> produce;
  // Set instead of a body to leave HTTP: called after a 101 (upgrade) or a 200 (CONNECT) was sent, and the
  // connection ends when it returns.
  std::function<Task<>(std::unique_ptr<ByteStream>)> take_over;
  // Set to answer a WebSocket handshake; the connection ends when it returns.
  std::function<Task<>(WebSocket&)> websocket;
};

// Sends a response in pieces while its handler runs: for one that knows its head late, but before its body is
// whole, such as a proxy. A handler that has begun this way must call finish(); what it returns is not sent.
// One that returns without has its connection broken off, so that the client knows the body is not whole.
class Responder {
 public:
  virtual ~Responder() = default;
  // Sends the head (status and headers of `head`, whose body is not looked at) and the body's first bytes.
  // REQUIRES: called once. Errors: as BodyWriter::write.
  virtual Task<Result<>> begin(Response head, std::string_view first) = 0;
  // More of the body. REQUIRES: begin() was called. Errors: as BodyWriter::write.
  virtual Task<Result<>> write(std::string_view bytes) = 0;
  // The body's last bytes, and its end.
  virtual Task<Result<>> finish(std::string_view last) = 0;
  virtual bool begun() const = 0;
};

// The reason phrase of `status`, such as "Not Found".
std::string_view reason(int status);

}  // namespace acloud::net
