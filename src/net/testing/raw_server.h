// A server for tests that does exactly what it is told, wrong things above all: each connection is handed to
// `serve` on a thread of its own.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace acloud::net::testing {

class RawConnection {
 public:
  explicit RawConnection(int fd) : fd_(fd) {}
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  // Everything up to and including `end`, or what came before the peer closed.
  std::string read_until(const std::string& end);
  // At most `most` bytes; "" where the peer has closed or reset the connection.
  std::string read_some(std::size_t most = 64 * 1024);
  // Exactly `size` bytes, fewer where the peer closed.
  std::string read_exactly(std::size_t size);
  // A request: its head, and its body where Content-Length announces one. "" at the end.
  std::string read_request();
  void send(const std::string& bytes);
  // Waits until the peer has closed.
  void wait_for_close();

 private:
  int fd_;
  std::string ahead_;
};

class RawServer {
 public:
  using Serve = std::function<void(RawConnection&)>;
  // On a free port of 127.0.0.1.
  explicit RawServer(Serve serve);
  ~RawServer();  // breaks the connections and waits for their threads
  std::uint16_t port() const { return port_; }
  int connections() const { return connections_; }

 private:
  void accept_all();

  Serve serve_;
  int listener_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::mutex mutex_;
  std::list<int> open_;
  std::list<std::jthread> threads_;
  std::jthread acceptor_;
};

// "HTTP/1.1 200 OK" with `body` and its length.
std::string ok_response(const std::string& body);

}  // namespace acloud::net::testing
