// Requests of strangers and streams of broken upstreams, through every translation: an error of the right
// kind or well-formed JSON, never a crash; and cutting a stream elsewhere changes nothing.
#include "base/encoding.h"
#include "fuzz.h"
#include "model/translate.h"

using namespace acloud;
using namespace acloud::model;

namespace {

constexpr Form kChats[] = {Form::openai_chat, Form::openai_responses, Form::anthropic_messages};
constexpr Form kUpstream[] = {Form::openai_chat, Form::anthropic_messages};

void request(std::string_view text) {
  for (const Form from : kChats) {
    for (const Form to : kUpstream) {
      const auto out = translate_request(from, to, text, "m");
      if (out) {
        fuzz::require(parse_json(out->body).has_value(), "a translated request is JSON");
      } else {
        fuzz::require(out.error().code() == ErrorCode::invalid_argument, "the client is told");
        fuzz::require(is_utf8(out.error().message()), "in UTF-8");
      }
    }
  }
}

void reply(std::string_view text) {
  for (const Form from : kUpstream) {
    for (const Form to : kChats) {
      const auto out = translate_reply(from, to, text, {.model = "m"});
      if (out) {
        fuzz::require(parse_json(out->body).has_value(), "a translated reply is JSON");
      } else {
        fuzz::require(out.error().code() == ErrorCode::unavailable, "the upstream's fault");
      }
    }
  }
}

std::string piped(StreamPipe& pipe, std::string_view text, std::size_t step) {
  SseCutter cutter;
  std::string out;
  std::string last;
  Result<> result;
  for (std::size_t at = 0; result && at < text.size(); at += step) {
    if (!cutter.feed(text.substr(at, step))) return "";
    RawEvent event;
    while (result && cutter.next(event)) result = pipe.take(event, out, last);
  }
  if (result) result = pipe.end(out, last);
  fuzz::require(result.has_value() || result.error().code() == ErrorCode::unavailable ||
                    result.error().code() == ErrorCode::rate_limited,
                "a broken stream is the upstream's fault");
  return out + last;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = 1 + data[0] % 31;
  const std::string_view text = fuzz::text(data, size).substr(1);
  request(text);
  reply(text);
  for (const Form from : kUpstream) {
    for (const Form to : kChats) {
      const auto whole = translate_stream(from, to, {.model = "m", .usage = true});
      const auto cut = translate_stream(from, to, {.model = "m", .usage = true});
      fuzz::require(piped(*whole, text, text.size() + 1).size() == piped(*cut, text, step).size(),
                    "cuts change nothing");
    }
  }
  for (const Form form : kChats) {
    const auto whole = pass_stream(form, false);
    const auto cut = pass_stream(form, false);
    fuzz::require(piped(*whole, text, text.size() + 1) == piped(*cut, text, step), "nor in what passes");
  }
  return 0;
}
