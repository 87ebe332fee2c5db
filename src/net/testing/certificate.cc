#include "net/testing/certificate.h"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace acloud::net {

TestCertificate::TestCertificate() {
  if (::mkdtemp(folder_.data()) == nullptr) throw std::runtime_error("no folder for a certificate");
  const std::string command = fmt::format(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost "
      "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout {} -out {} 2>/dev/null",
      key_file(), certificate_file());
  if (std::system(command.c_str()) != 0) throw std::runtime_error("openssl makes no certificate");
}

TestCertificate::~TestCertificate() { std::filesystem::remove_all(folder_); }

}  // namespace acloud::net
