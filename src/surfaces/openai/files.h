// Files in OpenAI's dialect, /v1/files: a front of the operations of product `batch` that are about them.
#pragma once

#include "surfaces/openai/style.h"

namespace acloud::surfaces {

class OpenAiFiles {
 public:
  // `largest` bytes can be uploaded as one.
  OpenAiFiles(DialectCalls& calls, std::uint64_t largest) : calls_(calls), largest_(largest) {}
  static bool takes(std::string_view path);
  // REQUIRES: takes() its path.
  Task<net::Response> handle(net::Request& request);

 private:
  Task<Result<net::Response>> answer(net::Request& request, const std::string& request_id);
  Task<Result<net::Response>> upload(net::Request& request, const std::string& request_id);
  Task<Result<net::Response>> content(net::Request& request, const std::string& request_id, std::string id);

  DialectCalls& calls_;
  std::uint64_t largest_;
  OpenAiStyle style_{nullptr};
};

}  // namespace acloud::surfaces
