// The Anthropic dialect: what clients of api.anthropic.com ask under /v1/messages.
#pragma once

#include "surfaces/dialect/dialect_call.h"

namespace acloud::surfaces {

// {"type":"error","error":{"type","message"},"request_id"}, request-id.
class AnthropicStyle final : public DialectStyle {
 public:
  net::Response error(const Error& error, const std::string& request_id) const override;
  std::string stream_error(const Error& error, const std::string& request_id) const override;
  void stamp(net::Headers& headers, const std::string& request_id) const override;
};

class Anthropic {
 public:
  explicit Anthropic(DialectCalls& calls) : calls_(calls) {}
  // True where the request is one of this dialect's.
  static bool takes(const net::Request& request);
  Task<net::Response> handle(net::Request& request);

 private:
  Task<net::Response> models(net::Request& request);

  DialectCalls& calls_;
  AnthropicStyle style_;
};

}  // namespace acloud::surfaces
