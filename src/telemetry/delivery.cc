#include "telemetry/delivery.h"

#include <charconv>

#include "base/json.h"

namespace acloud::telemetry {
namespace {

constexpr std::int64_t kLongestAsked = 3600;  // seconds; who asks for more gets that

bool may_be_sent_again(int status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

std::optional<std::chrono::milliseconds> seconds_in(std::string_view text) {
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || seconds < 0)
    return std::nullopt;
  return std::chrono::seconds(std::min(seconds, kLongestAsked));
}

// A 64-bit integer as protobuf's JSON has it: a string, or a number.
std::uint64_t count_in(const Json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  std::uint64_t count = 0;
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    std::from_chars(text.data(), text.data() + text.size(), count);
  }
  return count;
}

std::uint64_t rejected_in(const std::string& body) {
  const auto parsed = parse_json(body);
  if (!parsed || !parsed->is_object()) return 0;
  const auto partial = parsed->find("partialSuccess");
  if (partial == parsed->end() || !partial->is_object()) return 0;
  std::uint64_t rejected = 0;
  for (const char* name : {"rejectedSpans", "rejectedDataPoints"}) {
    if (const auto found = partial->find(name); found != partial->end()) rejected += count_in(*found);
  }
  return rejected;
}

}  // namespace

Verdict judge(const Result<CollectorAnswer>& answer) {
  if (!answer) {
    const bool broken = answer.error().code() != ErrorCode::invalid_argument;
    return {.kind = broken ? Verdict::Kind::again : Verdict::Kind::refused,
            .rejected = 0,
            .wait = {},
            .why = answer.error().message()};
  }
  if (answer->status >= 200 && answer->status < 300)
    return {.rejected = rejected_in(answer->body), .wait = {}, .why = {}};
  const bool again = may_be_sent_again(answer->status);
  return {.kind = again ? Verdict::Kind::again : Verdict::Kind::refused,
          .rejected = 0,
          .wait = again ? seconds_in(answer->retry_after) : std::nullopt,
          .why = fmt::format("the collector answers with status {}", answer->status)};
}

std::chrono::milliseconds Backoff::next() {
  const double jitter = 0.5 + random_.unit();
  const auto pause = std::chrono::duration_cast<std::chrono::milliseconds>(pause_ * jitter);
  pause_ = std::min(pause_ * 2, kLongest);
  return pause;
}

}  // namespace acloud::telemetry
