#include "net/testing/raw_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace acloud::net::testing {

std::string RawConnection::read_some(std::size_t most) {
  if (!ahead_.empty()) {
    std::string bytes = ahead_.substr(0, most);
    ahead_.erase(0, bytes.size());
    return bytes;
  }
  std::string bytes(most, '\0');
  const auto got = ::recv(fd_, bytes.data(), bytes.size(), 0);
  bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return bytes;
}

std::string RawConnection::read_until(const std::string& end) {
  std::string all;
  for (;;) {
    if (const auto at = all.find(end); at != std::string::npos) {
      ahead_.insert(0, all.substr(at + end.size()));
      return all.substr(0, at + end.size());
    }
    const std::string bytes = read_some();
    if (bytes.empty()) return all;
    all += bytes;
  }
}

std::string RawConnection::read_exactly(std::size_t size) {
  std::string all;
  while (all.size() < size) {
    const std::string bytes = read_some(size - all.size());
    if (bytes.empty()) break;
    all += bytes;
  }
  return all;
}

std::string RawConnection::read_request() {
  std::string request = read_until("\r\n\r\n");
  const std::string field = "Content-Length: ";
  if (const auto at = request.find(field); at != std::string::npos) {
    request += read_exactly(std::stoul(request.substr(at + field.size())));
  }
  return request;
}

void RawConnection::send(const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const auto n = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return;
    sent += static_cast<std::size_t>(n);
  }
}

void RawConnection::wait_for_close() {
  while (!read_some().empty()) continue;
}

RawServer::RawServer(Serve serve) : serve_(std::move(serve)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 128) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("no socket to listen on");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::jthread([this] { accept_all(); });
}

RawServer::~RawServer() {
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  threads_.clear();
}

void RawServer::accept_all() {
  for (;;) {
    const int fd = ::accept(listener_, nullptr, nullptr);
    if (fd < 0) return;
    ++connections_;
    const std::lock_guard lock(mutex_);
    open_.push_back(fd);
    threads_.emplace_back([this, fd] {
      RawConnection connection(fd);
      serve_(connection);
      const std::lock_guard closing(mutex_);
      open_.remove(fd);
      ::close(fd);
    });
  }
}

std::string ok_response(const std::string& body) {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body);
}

}  // namespace acloud::net::testing
