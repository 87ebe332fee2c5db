// Messages between server, spawner and init: one datagram of a SOCK_SEQPACKET unix socket each, with
// descriptors beside it.
//
// A request to the spawner, and the start of a program, carries in its first descriptor the socket on which
// it is answered. So nothing is numbered or dispatched, any thread may ask, and who no longer wants an
// answer closes its end.
//
// Bytes are those of this machine: both ends are the same program, but perhaps of another build, so every
// message starts with its kind and what doesn't parse to its last byte is refused.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "sandbox/jail/fd.h"

namespace acloud::sandbox::jail {

constexpr std::size_t kMaxMessage = 192 * 1024;
constexpr std::size_t kMaxDescriptors = 16;

// Turns values into bytes. A struct takes part by visit(archive, value), found by its namespace.
class Writer {
 public:
  template <class... T>
  void operator()(const T&... values) {
    (put(values), ...);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void put(const std::string& text) {
    put(static_cast<std::uint32_t>(text.size()));
    bytes_ += text;
  }
  template <class T>
  void put(const std::vector<T>& items) {
    put(static_cast<std::uint32_t>(items.size()));
    for (const T& item : items) put(item);
  }
  template <class A, class B>
  void put(const std::pair<A, B>& both) {
    put(both.first);
    put(both.second);
  }
  template <class Rep, class Period>
  void put(std::chrono::duration<Rep, Period> time) {
    put(static_cast<std::int64_t>(time.count()));
  }
  template <class T>
  void put(const T& value) {
    if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
      bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    } else {
      visit(*this, const_cast<T&>(value));  // visit() serves both directions; the writer changes nothing
    }
  }
  std::string bytes_;
};

// Turns them back. After the first thing that doesn't fit, everything reads as empty and done() is false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  template <class... T>
  void operator()(T&... values) {
    (get(values), ...);
  }
  // True where all was well and nothing is left.
  bool done() const { return ok_ && left_.empty(); }

 private:
  std::string_view take(std::size_t size) {
    if (size > left_.size()) {
      ok_ = false;
      left_ = {};
      return {};
    }
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }
  void get(std::string& text) {
    std::uint32_t size = 0;
    get(size);
    text = take(size);
  }
  template <class T>
  void get(std::vector<T>& items) {
    std::uint32_t size = 0;
    get(size);
    items.clear();
    // Every item takes at least a byte, so a hostile count ends with the message.
    for (std::uint32_t i = 0; i < size && !left_.empty(); ++i) get(items.emplace_back());
    if (items.size() != size) ok_ = false;
  }
  template <class A, class B>
  void get(std::pair<A, B>& both) {
    get(both.first);
    get(both.second);
  }
  template <class Rep, class Period>
  void get(std::chrono::duration<Rep, Period>& time) {
    std::int64_t count = 0;
    get(count);
    time = std::chrono::duration<Rep, Period>(static_cast<Rep>(count));
  }
  void get(bool& value) {
    std::uint8_t byte = 0;
    get(byte);
    value = byte != 0;
  }
  template <class T>
  void get(T& value) {
    if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
      value = T{};
      if (const std::string_view raw = take(sizeof value); raw.size() == sizeof value) {
        std::memcpy(&value, raw.data(), sizeof value);
      }
    } else {
      visit(*this, value);
    }
  }
  std::string_view left_;
  bool ok_ = true;
};

// The first byte of a message that carries a `Message`, then its fields.
template <class Message>
std::string encode(const Message& message) {
  Writer writer;
  writer(Message::kKind, message);
  return writer.bytes();
}
// Nothing where `bytes` are no such message.
template <class Message>
std::optional<Message> decode(std::string_view bytes) {
  Reader reader(bytes);
  auto kind = Message::kKind;
  Message message;
  reader(kind, message);
  if (kind != Message::kKind || !reader.done()) return std::nullopt;
  return message;
}

struct Received {
  std::string bytes;
  std::vector<Fd> fds;
  char kind() const { return bytes.empty() ? '\0' : bytes[0]; }
};

// A connected pair, non-blocking and closed on exec. Errors: unavailable.
Result<std::pair<Fd, Fd>> make_socket_pair();

// Sends without waiting and without SIGPIPE.
// Errors: unavailable (full, or nobody listens), too_large.
Result<> send(int socket, std::string_view bytes, std::span<const int> fds = {});

// Nothing where there is none to receive now. Errors: unavailable (the other end is closed).
Result<std::optional<Received>> receive(int socket);

}  // namespace acloud::sandbox::jail
