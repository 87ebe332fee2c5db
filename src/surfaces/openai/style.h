// How the OpenAI dialect tells of errors.
#pragma once

#include "base/json.h"
#include "surfaces/dialect/dialect_call.h"

namespace acloud::surfaces {

// {"error":{"message","type","param","code"}}, x-request-id.
class OpenAiStyle : public DialectStyle {
 public:
  // `missing`: the code of what is not found; null for none.
  explicit OpenAiStyle(const char* missing = "model_not_found") : missing_(missing) {}
  net::Response error(const Error& error, const std::string& request_id) const override;
  std::string stream_error(const Error& error, const std::string& request_id) const override;
  void stamp(net::Headers& headers, const std::string& request_id) const override;

 protected:
  Json body_of(const Error& error) const;

 private:
  const char* missing_;
};

// Of a stream of Responses, whose events have names.
class ResponsesStyle final : public OpenAiStyle {
 public:
  std::string stream_error(const Error& error, const std::string& request_id) const override;
};

}  // namespace acloud::surfaces
