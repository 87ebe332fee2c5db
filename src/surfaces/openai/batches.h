// Batches in OpenAI's dialect, /v1/batches: a front of the operations of product `batch`.
#pragma once

#include "surfaces/openai/style.h"

namespace acloud::surfaces {

class OpenAiBatches {
 public:
  explicit OpenAiBatches(DialectCalls& calls) : calls_(calls) {}
  static bool takes(std::string_view path);
  // REQUIRES: takes() its path.
  Task<net::Response> handle(net::Request& request);

 private:
  Task<Result<net::Response>> answer(net::Request& request, const std::string& request_id);
  Task<Result<net::Response>> create(net::Request& request, const std::string& request_id);

  DialectCalls& calls_;
  OpenAiStyle style_{nullptr};
};

}  // namespace acloud::surfaces
