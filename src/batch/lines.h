// The input of a batch: a line of JSON for each request, {"custom_id", "method", "url", "body"}.
#pragma once

#include <string>

#include "base/json.h"
#include "batch/batch_types.h"
#include "net/http.h"

namespace acloud::batch {

inline constexpr std::int64_t kLinesMost = 50'000;  // of a batch
inline constexpr std::size_t kLineMost = 4 << 20;   // bytes of a line
inline constexpr std::size_t kCustomIdMost = 512;   // bytes

struct Line {
  std::int64_t number = 0;  // from 1 on
  std::string text;
};

// Cuts a stream into lines, without their ends (LF or CRLF); those that are empty count, but are not given.
class LineReader {
 public:
  explicit LineReader(net::Body body) : body_(std::move(body)) {}
  // Nothing at the end. Errors: those of the body; too_large: a line beyond kLineMost.
  Task<Result<std::optional<Line>>> next();

 private:
  net::Body body_;
  std::string buffer_;
  std::size_t at_ = 0;        // what is before it was given
  std::size_t searched_ = 0;  // no end of a line before it
  std::int64_t number_ = 0;
  bool ended_ = false;
};

struct RequestLine {
  std::string custom_id;
  std::string model;
  std::string body;  // JSON, as it stands in the line
};

// Errors: invalid_argument, with details.code: "invalid_json_line", "missing_required_parameter",
// "invalid_custom_id", "invalid_method", "mismatched_endpoint", "stream_not_supported", "line_too_large".
Result<RequestLine> parse_line(std::string_view text, Endpoint endpoint);

}  // namespace acloud::batch
