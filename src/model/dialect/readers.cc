// Streamed replies, read.
#include "base/encoding.h"
#include "model/dialect/json_read.h"
#include "model/dialect/names.h"
#include "model/usage_reader.h"

namespace acloud::model {
namespace {

Result<Json> event_json(const RawEvent& event) {
  auto parsed = parse_json(event.data);
  if (parsed && parsed->is_object()) return parsed;
  return fail(ErrorCode::unavailable, "the upstream's stream holds an event that is not JSON: {}",
              to_valid_utf8(event.data.substr(0, 80)));
}

std::int64_t index_of(const Json& object) {
  const Json* index = field_of(object, "index");
  return index != nullptr && index->is_number_integer() ? index->get<std::int64_t>() : 0;
}

class OpenAiReader final : public ReplyReader {
 public:
  Result<> read(const RawEvent& event, std::vector<ReplyEvent>& events) override {
    if (event.data.empty() || event.data == "[DONE]") return {};
    ACLOUD_TRY(const Json chunk, event_json(event));
    if (const Json* error = field_of(chunk, "error")) {
      events.emplace_back(Failed{text_of(*error, "type"), text_of(*error, "message")});
      return {};
    }
    if (!std::exchange(begun_, true)) events.emplace_back(Begin{text_of(chunk, "id")});
    const Json* choices = field_of(chunk, "choices");
    for (std::size_t i = 0; choices != nullptr && choices->is_array() && i < choices->size(); ++i) {
      read_choice((*choices)[i], events);
    }
    const Json* usage = field_of(chunk, "usage");
    const auto tokens = usage == nullptr ? std::nullopt : openai_usage(*usage);
    if (tokens) events.emplace_back(Figures{*tokens, true});
    return {};
  }

 private:
  void read_choice(const Json& choice, std::vector<ReplyEvent>& events) {
    if (const Json* delta = field_of(choice, "delta")) read_delta(*delta, events);
    if (const std::string reason = text_of(choice, "finish_reason"); !reason.empty()) {
      events.emplace_back(Finished{finish_of_openai(reason)});
    }
  }

  void read_delta(const Json& delta, std::vector<ReplyEvent>& events) {
    for (const char* name : {"reasoning_content", "reasoning"}) {
      std::string text = text_of(delta, name);
      if (text.empty()) continue;
      events.emplace_back(ReasoningDelta{std::move(text), ""});
      break;
    }
    for (const char* name : {"content", "refusal"}) {
      if (std::string text = text_of(delta, name); !text.empty())
        events.emplace_back(TextDelta{std::move(text)});
    }
    const Json* calls = field_of(delta, "tool_calls");
    for (std::size_t i = 0; calls != nullptr && calls->is_array() && i < calls->size(); ++i) {
      read_call((*calls)[i], events);
    }
  }

  // Providers give the name whole, at the first piece; the id may stand in every piece.
  void read_call(const Json& call, std::vector<ReplyEvent>& events) {
    const Json* function = field_of(call, "function");
    if (function == nullptr) return;
    const std::int64_t index = index_of(call);
    std::string name = text_of(*function, "name");
    if (!name.empty() && index >= next_call_) {
      events.emplace_back(ToolBegin{index, text_of(call, "id"), std::move(name)});
      next_call_ = index + 1;
    }
    if (std::string text = text_of(*function, "arguments"); !text.empty()) {
      events.emplace_back(ToolArguments{index, std::move(text)});
    }
  }

  bool begun_ = false;
  std::int64_t next_call_ = 0;
};

class AnthropicReader final : public ReplyReader {
 public:
  Result<> read(const RawEvent& event, std::vector<ReplyEvent>& events) override {
    if (event.data.empty()) return {};
    ACLOUD_TRY(const Json parsed, event_json(event));
    const std::string type = text_of(parsed, "type");
    if (type == "message_start") {
      const Json* message = field_of(parsed, "message");
      if (message == nullptr) return {};
      events.emplace_back(Begin{text_of(*message, "id")});
      take_usage(*message, false, events);
    } else if (type == "content_block_start") {
      return begin_block(parsed, events);
    } else if (type == "content_block_delta") {
      if (const Json* delta = field_of(parsed, "delta")) read_delta(*delta, index_of(parsed), events);
    } else if (type == "message_delta") {
      take_usage(parsed, true, events);
      const Json* delta = field_of(parsed, "delta");
      const std::string reason = delta == nullptr ? "" : text_of(*delta, "stop_reason");
      if (!reason.empty()) events.emplace_back(Finished{finish_of_anthropic(reason)});
    } else if (type == "error") {
      const Json* error = field_of(parsed, "error");
      events.emplace_back(error == nullptr ? Failed{}
                                           : Failed{text_of(*error, "type"), text_of(*error, "message")});
    }
    return {};
  }

 private:
  Result<> begin_block(const Json& event, std::vector<ReplyEvent>& events) {
    const Json* block = field_of(event, "content_block");
    const std::string type = block == nullptr ? "" : text_of(*block, "type");
    if (type == "tool_use") {
      calls_[index_of(event)] = next_call_;
      events.emplace_back(ToolBegin{next_call_++, text_of(*block, "id"), text_of(*block, "name")});
    } else if (type == "text") {
      if (std::string text = text_of(*block, "text"); !text.empty())
        events.emplace_back(TextDelta{std::move(text)});
    } else if (type != "thinking" && type != "redacted_thinking") {
      return fail(ErrorCode::unavailable,
                  "the upstream's reply holds a part of type \"{}\", which can't be translated",
                  to_valid_utf8(type));
    }
    return {};
  }

  void read_delta(const Json& delta, std::int64_t block, std::vector<ReplyEvent>& events) {
    const std::string type = text_of(delta, "type");
    if (type == "text_delta") {
      events.emplace_back(TextDelta{text_of(delta, "text")});
    } else if (type == "thinking_delta") {
      events.emplace_back(ReasoningDelta{text_of(delta, "thinking"), ""});
    } else if (type == "signature_delta") {
      events.emplace_back(ReasoningDelta{"", text_of(delta, "signature")});
    } else if (type == "input_json_delta") {
      const auto call = calls_.find(block);
      if (call != calls_.end())
        events.emplace_back(ToolArguments{call->second, text_of(delta, "partial_json")});
    }
  }

  void take_usage(const Json& from, bool whole, std::vector<ReplyEvent>& events) {
    const Json* usage = field_of(from, "usage");
    const auto tokens = usage == nullptr ? std::nullopt : anthropic_usage(*usage, known_);
    if (!tokens) return;
    known_ = *tokens;
    events.emplace_back(Figures{known_, whole});
  }

  std::map<std::int64_t, std::int64_t> calls_;  // the block's index, and which call it is
  std::int64_t next_call_ = 0;
  ledger::Tokens known_;
};

}  // namespace

std::unique_ptr<ReplyReader> openai_reader() { return std::make_unique<OpenAiReader>(); }
std::unique_ptr<ReplyReader> anthropic_reader() { return std::make_unique<AnthropicReader>(); }

}  // namespace acloud::model
