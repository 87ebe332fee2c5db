// Streams that go to the client as they came. Every event is parsed, so that half a chunk never reaches a
// client, which would take it for a fault of its own.
#include <simdjson.h>

#include "base/encoding.h"
#include "model/pipe.h"
#include "model/usage_reader.h"

namespace acloud::model {
namespace {

using simdjson::dom::element;

simdjson::dom::parser& parser() {
  thread_local simdjson::dom::parser parser;
  return parser;
}

std::string_view text_at(element from, std::string_view name) {
  std::string_view text;
  return from[name].get(text) == simdjson::SUCCESS ? text : std::string_view();
}

bool object_at(element from, std::string_view name, element& found) {
  return from[name].get(found) == simdjson::SUCCESS && found.is_object();
}

Result<element> parse_event(const RawEvent& event) {
  element parsed;
  const auto error = parser().parse(event.data.data(), event.data.size(), true).get(parsed);
  if (error == simdjson::SUCCESS && parsed.is_object()) return parsed;
  return fail(ErrorCode::unavailable, "the upstream's stream holds an event that is not JSON: {}",
              to_valid_utf8(event.data.substr(0, 80)));
}

Result<> reported(element error) {
  std::string_view message = text_at(error, "message");
  std::string_view type = text_at(error, "type");
  const bool overloaded = type == "overloaded_error" || type == "api_error" || type == "server_error";
  const bool limited = type.find("rate_limit") != std::string_view::npos;
  return fail(limited ? ErrorCode::rate_limited : ErrorCode::unavailable, "the upstream {}: {}",
              limited      ? "limits its rate"
              : overloaded ? "is overloaded"
                           : "broke off its answer",
              to_valid_utf8((message.empty() ? type : message).substr(0, 500)));
}

std::optional<Json> json_of(element value) {
  auto parsed = parse_json(simdjson::minify(value));
  if (!parsed) return std::nullopt;
  return *std::move(parsed);
}

Result<> cut_off() {
  return fail(ErrorCode::unavailable, "the upstream closed its stream before the answer was whole");
}

class OpenAiChat final : public StreamPipe {
 public:
  explicit OpenAiChat(bool wants_usage) : wants_usage_(wants_usage) {}

  Result<> take(const RawEvent& event, std::string& out, std::string& last) override {
    if (event.data.empty()) {
      out += event.raw;  // a comment: a sign of life
      return {};
    }
    if (event.data == "[DONE]") {
      learned_.done = true;
      last += event.raw;
      return {};
    }
    ACLOUD_TRY(const element chunk, parse_event(event));
    element error;
    if (object_at(chunk, "error", error)) return reported(error);
    const bool only_usage = look_at_usage(chunk) && !has_choices(chunk);
    if (!only_usage || wants_usage_) out += event.raw;
    if (learned_.id.empty()) learned_.note_id(text_at(chunk, "id"));
    look_at_choices(chunk);
    return {};
  }

  Result<> end(std::string&, std::string&) override {
    if (learned_.done || finished_) return {};
    return cut_off();
  }

 private:
  static bool has_choices(element chunk) {
    simdjson::dom::array choices;
    return chunk["choices"].get(choices) == simdjson::SUCCESS && choices.size() != 0;
  }

  bool look_at_usage(element chunk) {
    element usage;
    if (!object_at(chunk, "usage", usage)) return false;
    const auto json = json_of(usage);
    auto tokens = json ? openai_usage(*json) : std::nullopt;
    if (!tokens) return false;
    learned_.tokens = tokens;
    learned_.whole_figures = true;
    return true;
  }

  void look_at_choices(element chunk) {
    simdjson::dom::array choices;
    if (chunk["choices"].get(choices) != simdjson::SUCCESS) return;
    for (const element choice : choices) {
      if (const std::string_view reason = text_at(choice, "finish_reason"); !reason.empty()) {
        finished_ = learned_.first_token = true;
        learned_.note_finish(reason);
      }
      element delta;
      if (object_at(choice, "delta", delta)) look_at_delta(delta);
    }
  }

  void look_at_delta(element delta) {
    for (const std::string_view name : {"content", "reasoning_content", "reasoning", "refusal"}) {
      wrote(text_at(delta, name));
    }
    simdjson::dom::array calls;
    if (delta["tool_calls"].get(calls) != simdjson::SUCCESS) return;
    for (const element call : calls) {
      element function;
      if (!object_at(call, "function", function)) continue;
      wrote(text_at(function, "name"));
      wrote(text_at(function, "arguments"));
    }
  }

  void wrote(std::string_view text) {
    if (text.empty()) return;
    learned_.first_token = true;
    learned_.output_estimate += estimate_tokens(text);
  }

  bool wants_usage_;
  bool finished_ = false;
};

class AnthropicMessages final : public StreamPipe {
 public:
  Result<> take(const RawEvent& event, std::string& out, std::string& last) override {
    if (event.data.empty()) {
      out += event.raw;
      return {};
    }
    ACLOUD_TRY(const element parsed, parse_event(event));
    const std::string_view type = text_at(parsed, "type");
    element part;
    if (type == "error") {
      if (object_at(parsed, "error", part)) return reported(part);
      return fail(ErrorCode::unavailable, "the upstream broke off its answer");
    }
    if (type == "message_start" && object_at(parsed, "message", part)) {
      learned_.note_id(text_at(part, "id"));
      look_at_usage(part, false);
    }
    if (type == "message_delta") {
      look_at_usage(parsed, true);
      if (object_at(parsed, "delta", part)) learned_.note_finish(text_at(part, "stop_reason"));
    }
    if (type == "content_block_delta" && object_at(parsed, "delta", part)) {
      for (const std::string_view name : {"text", "thinking", "partial_json"}) {
        learned_.output_estimate += estimate_tokens(text_at(part, name));
      }
      learned_.first_token = true;
    }
    if (type == "message_stop") {
      learned_.done = learned_.first_token = true;
      last += event.raw;
    } else {
      out += event.raw;
    }
    return {};
  }

  Result<> end(std::string&, std::string&) override {
    if (learned_.done) return {};
    return cut_off();
  }

 private:
  void look_at_usage(element from, bool whole) {
    element usage;
    if (!object_at(from, "usage", usage)) return;
    const auto json = json_of(usage);
    if (!json) return;
    if (auto tokens = anthropic_usage(*json, learned_.tokens.value_or(ledger::Tokens{}))) {
      learned_.tokens = tokens;
      learned_.whole_figures = whole;
    }
  }
};

class OpenAiResponses final : public StreamPipe {
 public:
  Result<> take(const RawEvent& event, std::string& out, std::string& last) override {
    if (event.data.empty() || event.data == "[DONE]") {
      out += event.raw;
      return {};
    }
    ACLOUD_TRY(const element parsed, parse_event(event));
    const std::string_view type = text_at(parsed, "type");
    if (type == "error") {
      element error;
      return reported(object_at(parsed, "error", error) ? error : parsed);
    }
    element response;
    const bool ends =
        type == "response.completed" || type == "response.incomplete" || type == "response.failed";
    if (ends && object_at(parsed, "response", response)) {
      element usage;
      const auto json = object_at(response, "usage", usage) ? json_of(usage) : std::nullopt;
      if (json) learned_.tokens = responses_usage(*json);
      learned_.whole_figures = learned_.tokens.has_value();
      learned_.note_id(text_at(response, "id"));
      learned_.note_finish(text_at(response, "status"));
    }
    if (type.ends_with(".delta")) {
      learned_.first_token = true;
      learned_.output_estimate += estimate_tokens(text_at(parsed, "delta"));
    }
    if (ends) {
      learned_.done = learned_.first_token = true;
      last += event.raw;
    } else {
      out += event.raw;
    }
    return {};
  }

  Result<> end(std::string&, std::string&) override {
    if (learned_.done) return {};
    return cut_off();
  }
};

}  // namespace

std::unique_ptr<StreamPipe> pass_stream(Form form, bool wants_usage) {
  if (form == Form::anthropic_messages) return std::make_unique<AnthropicMessages>();
  if (form == Form::openai_responses) return std::make_unique<OpenAiResponses>();
  return std::make_unique<OpenAiChat>(wants_usage);
}

}  // namespace acloud::model
