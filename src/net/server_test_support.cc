#include "net/server_test_support.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <thread>

namespace acloud::net {
namespace {

int connect_to(const std::string& address) {
  if (address.starts_with("unix:")) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    address.copy(to.sun_path, sizeof to.sun_path - 1, 5);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0) << address;
    return fd;
  }
  const auto port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  if (address.starts_with('[')) {
    const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_addr = in6addr_loopback;
    to.sin6_port = port;
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0) << address;
    return fd;
  }
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = port;
  EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0) << address;
  return fd;
}

}  // namespace

RawClient::RawClient(const std::string& address, std::chrono::milliseconds patience)
    : fd_(connect_to(address)) {
  const timeval time{.tv_sec = patience.count() / 1000, .tv_usec = patience.count() % 1000 * 1000};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

RawClient::~RawClient() { ::close(fd_); }

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

void RawClient::end_sending() { ::shutdown(fd_, SHUT_WR); }

void RawClient::reset() {
  const linger abort{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  ::close(std::exchange(fd_, -1));
}

bool RawClient::fill() {
  char bytes[64 * 1024];
  const ssize_t count = ::recv(fd_, bytes, sizeof bytes, 0);
  if (count > 0) buffer_.append(bytes, static_cast<std::size_t>(count));
  return count > 0;
}

std::string RawClient::read_some() {
  if (buffer_.empty()) fill();
  return std::exchange(buffer_, {});
}

std::string RawClient::read_all() {
  while (fill()) continue;
  return std::exchange(buffer_, {});
}

std::string RawClient::read_until(std::string_view mark) {
  std::size_t at = buffer_.find(mark);
  while (at == std::string::npos && fill()) at = buffer_.find(mark);
  if (at == std::string::npos) return std::exchange(buffer_, {});
  std::string out = buffer_.substr(0, at + mark.size());
  buffer_.erase(0, out.size());
  return out;
}

std::string RawClient::read_response() {
  std::string out = read_until("\r\n\r\n");
  const std::size_t field = out.find("content-length: ");
  if (field == std::string::npos) return out;
  std::size_t length = 0;
  std::from_chars(out.data() + field + 16, out.data() + out.size(), length);
  while (buffer_.size() < length && fill()) continue;
  out += buffer_.substr(0, length);
  buffer_.erase(0, length);
  return out;
}

bool RawClient::at_end() {
  char byte = 0;
  const ssize_t count = ::recv(fd_, &byte, 1, MSG_PEEK);
  return buffer_.empty() && (count == 0 || (count < 0 && errno == ECONNRESET));
}

int status_of(std::string_view response) {
  int status = 0;
  if (response.starts_with("HTTP/1.1 ")) {
    std::from_chars(response.data() + 9, response.data() + response.size(), status);
  }
  return status;
}

std::string body_of(std::string_view response) {
  const std::size_t end = response.find("\r\n\r\n");
  return end == std::string_view::npos ? "" : std::string(response.substr(end + 4));
}

TestServer::TestServer(Handler handler, ServerOptions options)
    : server_(loops_, std::move(options), std::move(handler), [](const Error& error) {
        return Response{.status = traits(error.code()).http_status,
                        .body = Body(fmt::format("{}: {}", traits(error.code()).name, error.message()))};
      }) {
  const auto started = server_.start();
  EXPECT_TRUE(started) << started.error().message();
}

std::string TestServer::ask(std::string_view request) const {
  RawClient client(address());
  client.send(request);
  return client.read_all();
}

Task<Response> echo(Request& request) {
  auto body = co_await request.body.read_all(1 << 20);
  if (!body)
    co_return Response{.status = traits(body.error().code()).http_status, .body = body.error().message()};
  co_return Response{.body = Body(fmt::format("{} {} {}", request.method, request.target, *body))};
}

bool eventually(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace acloud::net
