// A real nginx for tests, of the machine's nginx package, in a folder of its own that goes with it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace acloud::net::testing {

class Nginx {
 public:
  // `server` is put into each server block, which listen on plain TCP, on TLS and on a Unix socket.
  explicit Nginx(const std::string& server);
  ~Nginx();
  Nginx(const Nginx&) = delete;
  Nginx& operator=(const Nginx&) = delete;

  std::uint16_t port() const { return port_; }
  std::uint16_t tls_port() const { return tls_port_; }
  std::string socket() const { return folder_ + "/socket"; }
  // Files that it serves live here.
  const std::string& root() const { return folder_; }
  // The certificate of "localhost" and of 127.0.0.1, signed by itself.
  std::string certificate() const { return folder_ + "/certificate.pem"; }

 private:
  std::string folder_;
  std::uint16_t port_ = 0;
  std::uint16_t tls_port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace acloud::net::testing
