// The OpenAI dialect: what clients of api.openai.com and all that imitate it ask under /v1.
#pragma once

#include "surfaces/dialect/dialect_call.h"

namespace acloud::surfaces {

// {"error":{"message","type","param","code"}}, x-request-id.
class OpenAiStyle : public DialectStyle {
 public:
  net::Response error(const Error& error, const std::string& request_id) const override;
  std::string stream_error(const Error& error, const std::string& request_id) const override;
  void stamp(net::Headers& headers, const std::string& request_id) const override;
};

// Of a stream of Responses, whose events have names.
class ResponsesStyle final : public OpenAiStyle {
 public:
  std::string stream_error(const Error& error, const std::string& request_id) const override;
};

class OpenAi {
 public:
  explicit OpenAi(DialectCalls& calls) : calls_(calls) {}
  // REQUIRES: the path begins with /v1/.
  Task<net::Response> handle(net::Request& request);

 private:
  Task<net::Response> models(net::Request& request, std::string name);
  Task<Result<Json>> list(net::Request& request, const std::string& name);

  DialectCalls& calls_;
  OpenAiStyle style_;
  ResponsesStyle responses_style_;
};

}  // namespace acloud::surfaces
