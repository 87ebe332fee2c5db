// The OpenAI dialect: what clients of api.openai.com and all that imitate it ask under /v1.
#pragma once

#include "surfaces/openai/batches.h"
#include "surfaces/openai/files.h"
#include "surfaces/openai/style.h"

namespace acloud::surfaces {

class OpenAi {
 public:
  // `largest_file` bytes can be uploaded as one.
  OpenAi(DialectCalls& calls, std::uint64_t largest_file) : calls_(calls), files_(calls, largest_file) {}
  // REQUIRES: the path begins with /v1/.
  Task<net::Response> handle(net::Request& request);

 private:
  Task<net::Response> models(net::Request& request, std::string name);
  Task<Result<Json>> list(net::Request& request, const std::string& name);

  DialectCalls& calls_;
  OpenAiStyle style_;
  ResponsesStyle responses_style_;
  OpenAiFiles files_;
  OpenAiBatches batches_{calls_};
};

}  // namespace acloud::surfaces
