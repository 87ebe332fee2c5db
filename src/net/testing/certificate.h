// A certificate for "localhost" and 127.0.0.1, signed by itself, in a folder of its own.
#pragma once

#include <string>

namespace acloud::net {

class TestCertificate {
 public:
  TestCertificate();
  ~TestCertificate();
  TestCertificate(const TestCertificate&) = delete;
  TestCertificate& operator=(const TestCertificate&) = delete;
  std::string certificate_file() const { return folder_ + "/certificate.pem"; }
  std::string key_file() const { return folder_ + "/key.pem"; }

 private:
  std::string folder_ = "/tmp/acloud-certificate-XXXXXX";
};

}  // namespace acloud::net
