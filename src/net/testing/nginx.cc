#include "net/testing/nginx.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace acloud::net::testing {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

// Two ports that are free now.
std::pair<std::uint16_t, std::uint16_t> free_ports() {
  const auto bound = [](int fd) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("no free port");
    }
    return ntohs(address.sin_port);
  };
  const int first = ::socket(AF_INET, SOCK_STREAM, 0);
  const int second = ::socket(AF_INET, SOCK_STREAM, 0);
  const std::pair ports{bound(first), bound(second)};
  ::close(first);
  ::close(second);
  return ports;
}

bool accepts(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = loopback(port);
  const bool connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  ::close(fd);
  return connected;
}

pid_t start(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  return pid;
}

constexpr std::string_view kConfiguration = R"(
daemon off; master_process off; pid {0}/pid; error_log {0}/error.log warn;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {0}/tmp; proxy_temp_path {0}/tmp; fastcgi_temp_path {0}/tmp;
  uwsgi_temp_path {0}/tmp; scgi_temp_path {0}/tmp; client_max_body_size 0;
  add_header X-Connection $connection always;
  server {{ listen 127.0.0.1:{1}; listen unix:{0}/socket; root {0}; {3} }}
  server {{ listen 127.0.0.1:{2} ssl; ssl_certificate {0}/certificate.pem; ssl_certificate_key {0}/key.pem;
           root {0}; {3} }}
}}
)";

}  // namespace

Nginx::Nginx(const std::string& server) {
  std::string pattern = std::filesystem::temp_directory_path() / "acloud-nginx-XXXXXX";
  folder_ = ::mkdtemp(pattern.data());
  std::tie(port_, tls_port_) = free_ports();
  const std::string make_certificate = fmt::format(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost "
      "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout {0}/key.pem -out {0}/certificate.pem "
      "2>/dev/null",
      folder_);
  if (std::system(make_certificate.c_str()) != 0) throw std::runtime_error("openssl makes no certificate");
  std::ofstream(folder_ + "/nginx.conf") << fmt::format(kConfiguration, folder_, port_, tls_port_, server);
  pid_ = start({"nginx", "-p", folder_, "-c", folder_ + "/nginx.conf", "-e", folder_ + "/error.log"});
  for (int i = 0; i < 1000 && !(accepts(port_) && accepts(tls_port_)); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  if (!accepts(port_)) throw std::runtime_error("nginx did not start; is it installed?");
}

Nginx::~Nginx() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  std::filesystem::remove_all(folder_);
}

}  // namespace acloud::net::testing
