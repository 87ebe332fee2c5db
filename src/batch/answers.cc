#include "batch/answers.h"

#include "batch/batch_rows.h"

namespace acloud::batch {
namespace {

constexpr std::int64_t kResultsAtOnce = 8;  // of kReplyMost each

std::string head_of(const std::string& batch, std::int64_t line, const std::string& custom_id) {
  std::string text = "{\"id\":";
  append_json_string(text, fmt::format("{}_{}", batch, line));
  text += ",\"custom_id\":";
  append_json_string(text, custom_id);
  return text;
}

// Line ends stand between the values of a JSON text, never inside them.
void put_on_one_line(std::string& json) {
  std::ranges::replace_if(json, [](char c) { return c == '\n' || c == '\r'; }, ' ');
}

}  // namespace

std::string answered(const std::string& batch, std::int64_t line, const std::string& custom_id, int status,
                     const std::string& request_id, std::string body) {
  std::string text = head_of(batch, line, custom_id);
  text += fmt::format(",\"response\":{{\"status_code\":{},\"request_id\":", status);
  append_json_string(text, request_id);
  text += ",\"body\":";
  if (parse_json(body)) {
    put_on_one_line(body);
    text += body;
  } else {
    append_json_string(text, body);
  }
  return text + "},\"error\":null}";
}

std::string unanswered(const std::string& batch, std::int64_t line, const std::string& custom_id,
                       std::string_view code, std::string_view message) {
  std::string text = head_of(batch, line, custom_id);
  text += ",\"response\":null,\"error\":{\"code\":";
  append_json_string(text, code);
  text += ",\"message\":";
  append_json_string(text, message);
  return text + "}}";
}

Task<Result<>> WholeReply::begin(net::Headers, std::string_view first) {
  begun_ = true;
  return write(first);
}

Task<Result<>> WholeReply::write(std::string_view bytes) {
  if (bytes_.size() + bytes.size() > kReplyMost)
    co_return fail(ErrorCode::too_large, "the reply has more than {} bytes", kReplyMost);
  bytes_ += bytes;
  co_return Result<>();
}

Task<Result<std::string>> ResultStream::read() {
  ACLOUD_CO_TRY(const auto page,
                co_await database_.read([id = batch_, ok = ok_, after = after_](store::Reader& reader) {
                  return rows::results(reader, id, ok, after, kResultsAtOnce);
                }));
  std::string text;
  for (const LineResult& each : page) {
    text += each.json;
    text += '\n';
    after_ = each.line;
  }
  co_return text;
}

}  // namespace acloud::batch
