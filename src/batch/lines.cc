#include "batch/lines.h"

#include "base/json_outline.h"

namespace acloud::batch {
namespace {

std::unexpected<Error> wrong(std::string_view code, std::string message) {
  return std::unexpected(Error(ErrorCode::invalid_argument, std::move(message)).with_detail("code", code));
}

Result<std::string> text_of(const Json& line, std::string_view name) {
  const auto found = line.find(name);
  if (found == line.end()) return wrong("missing_required_parameter", fmt::format("{}: is missing", name));
  if (!found->is_string()) return wrong("invalid_json_line", fmt::format("{}: must be text", name));
  return found->get<std::string>();
}

}  // namespace

Task<Result<std::optional<Line>>> LineReader::next() {
  for (;;) {
    const std::size_t end = buffer_.find('\n', searched_);
    if (end == std::string::npos && !ended_) {
      if (buffer_.size() - at_ > kLineMost) {
        co_return fail(ErrorCode::too_large, "line {} has more than {} bytes", number_ + 1, kLineMost);
      }
      buffer_.erase(0, std::exchange(at_, 0));
      searched_ = buffer_.size();
      ACLOUD_CO_TRY(const std::string piece, co_await body_.read());
      ended_ = piece.empty();
      buffer_ += piece;
      continue;
    }
    if (at_ == buffer_.size()) co_return std::nullopt;
    ++number_;
    const std::size_t stop = std::min(end, buffer_.size());
    std::string_view text(buffer_.data() + at_, stop - at_);
    if (text.size() > kLineMost)
      co_return fail(ErrorCode::too_large, "line {} has more than {} bytes", number_, kLineMost);
    at_ = std::min(stop + 1, buffer_.size());
    searched_ = at_;
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (!text.empty()) co_return Line{number_, std::string(text)};
  }
}

Result<RequestLine> parse_line(std::string_view text, Endpoint endpoint) {
  if (text.size() > kLineMost)
    return wrong("line_too_large", fmt::format("has more than {} bytes", kLineMost));
  const auto json = parse_json(text);
  if (!json) return wrong("invalid_json_line", json.error().message());
  if (!json->is_object()) return wrong("invalid_json_line", "must be an object");
  RequestLine line;
  ACLOUD_TRY(line.custom_id, text_of(*json, "custom_id"));
  if (line.custom_id.empty() || line.custom_id.size() > kCustomIdMost)
    return wrong("invalid_custom_id", fmt::format("custom_id: must have 1 to {} bytes", kCustomIdMost));
  ACLOUD_TRY(const std::string method, text_of(*json, "method"));
  if (method != "POST") return wrong("invalid_method", "method: must be POST");
  ACLOUD_TRY(const std::string url, text_of(*json, "url"));
  const std::string_view wanted = schema::Codec<Endpoint>::name(endpoint);
  if (url != wanted)
    return wrong("mismatched_endpoint", fmt::format("url: must be {}, as the batch's endpoint", wanted));
  const auto body = json->find("body");
  if (body == json->end()) return wrong("missing_required_parameter", "body: is missing");
  if (!body->is_object()) return wrong("invalid_json_line", "body: must be an object");
  ACLOUD_TRY(line.model, text_of(*body, "model"));
  if (const auto stream = body->find("stream"); stream != body->end() && *stream == true)
    return wrong("stream_not_supported", "body.stream: nobody reads a stream here; leave it out");
  // The body's own bytes: a request travels as it came.
  JsonOutline outline;
  ACLOUD_CHECK(outline.feed(text));
  const JsonOutline::Field* const field = outline.find("body");
  line.body = text.substr(field->begin, field->end - field->begin);
  return line;
}

}  // namespace acloud::batch
