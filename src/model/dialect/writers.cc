// Streamed replies, written as OpenAI's chat completions and as Anthropic's messages.
#include "model/dialect/names.h"
#include "model/usage_reader.h"

namespace acloud::model {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

class OpenAiWriter final : public ReplyWriter {
 public:
  OpenAiWriter(std::string model, bool wants_usage)
      : model_(std::move(model)), wants_usage_(wants_usage), created_(unix_now()) {}

  void write(const ReplyEvent& event, std::string& out) override {
    std::visit(Overloaded{[&](const Begin& e) {
                            id_ = e.id;
                            put(out, {{"role", "assistant"}, {"content", ""}});
                          },
                          [&](const TextDelta& e) { put(out, {{"content", e.text}}); },
                          [&](const ReasoningDelta& e) {
                            if (!e.text.empty()) put(out, {{"reasoning_content", e.text}});
                          },
                          [&](const ToolBegin& e) {
                            put_call(out, {{"index", e.index},
                                           {"id", e.id},
                                           {"type", "function"},
                                           {"function", {{"name", e.name}, {"arguments", ""}}}});
                          },
                          [&](const ToolArguments& e) {
                            put_call(out, {{"index", e.index}, {"function", {{"arguments", e.text}}}});
                          },
                          [&](const Finished& e) { put(out, Json::object(), to_openai(e.finish)); },
                          [&](const Figures& e) { tokens_ = e.tokens; }, [](const Failed&) {}},
               event);
  }

  void finish(std::string& out, std::string& last) override {
    if (wants_usage_ && tokens_) {
      Json chunk = base();
      chunk["choices"] = Json::array();
      chunk["usage"] = to_openai_usage(*tokens_);
      out += "data: " + to_text(chunk) + "\n\n";
    }
    last += "data: [DONE]\n\n";
  }

 private:
  Json base() const {
    return {{"id", id_}, {"object", "chat.completion.chunk"}, {"created", created_}, {"model", model_}};
  }
  void put(std::string& out, Json delta, const char* reason = nullptr) const {
    Json chunk = base();
    Json choice = {{"index", 0}, {"delta", std::move(delta)}};
    choice["finish_reason"] = reason == nullptr ? Json() : Json(reason);
    chunk["choices"].push_back(std::move(choice));
    out += "data: " + to_text(chunk) + "\n\n";
  }
  void put_call(std::string& out, Json call) const {
    Json delta;
    delta["tool_calls"].push_back(std::move(call));
    put(out, std::move(delta));
  }

  std::string model_;
  bool wants_usage_;
  std::int64_t created_;
  std::string id_;
  std::optional<ledger::Tokens> tokens_;
};

// Its blocks come one after the other, while OpenAI's calls may be told in turns: pieces of a call whose turn
// is over, or not yet come, wait until the open block is done.
class AnthropicWriter final : public ReplyWriter {
 public:
  explicit AnthropicWriter(std::string model) : model_(std::move(model)) {}

  void write(const ReplyEvent& event, std::string& out) override {
    std::visit(Overloaded{[&](const Begin& e) { begin(e, out); },
                          [&](const TextDelta& e) {
                            open(Kind::text, {{"type", "text"}, {"text", ""}}, out);
                            delta({{"type", "text_delta"}, {"text", e.text}}, out);
                          },
                          [&](const ReasoningDelta& e) { reason(e, out); },
                          [&](const ToolBegin& e) {
                            calls_[e.index] = Call{e.id, e.name, ""};
                            if (kind_ != Kind::call) open_call(e.index, out);
                          },
                          [&](const ToolArguments& e) { arguments(e, out); },
                          [&](const Finished& e) { finish_ = e.finish; },
                          [&](const Figures& e) { tokens_ = e.tokens; }, [](const Failed&) {}},
               event);
  }

  void finish(std::string& out, std::string& last) override {
    close(out);
    while (!calls_.empty()) {
      open_call(calls_.begin()->first, out);
      close(out);
    }
    put("message_delta",
        {{"delta", {{"stop_reason", to_anthropic(finish_)}, {"stop_sequence", nullptr}}},
         {"usage", to_anthropic_usage(tokens_)}},
        out);
    put("message_stop", Json::object(), last);
  }

 private:
  enum class Kind { none, text, thinking, call };
  struct Call {
    std::string id;
    std::string name;
    std::string waiting;  // arguments that were not written yet
  };

  void put(const char* type, Json fields, std::string& out) const {
    fields["type"] = type;
    out += fmt::format("event: {}\ndata: {}\n\n", type, to_text(fields));
  }

  void begin(const Begin& e, std::string& out) const {
    put("message_start",
        {{"message",
          {{"id", e.id},
           {"type", "message"},
           {"role", "assistant"},
           {"model", model_},
           {"content", Json::array()},
           {"stop_reason", nullptr},
           {"stop_sequence", nullptr},
           {"usage", to_anthropic_usage(tokens_)}}}},
        out);
  }

  void open(Kind kind, Json block, std::string& out) {
    if (kind_ == kind && kind != Kind::call) return;
    close(out);
    kind_ = kind;
    put("content_block_start", {{"index", index_}, {"content_block", std::move(block)}}, out);
  }
  void close(std::string& out) {
    if (kind_ == Kind::none) return;
    put("content_block_stop", {{"index", index_++}}, out);
    if (kind_ == Kind::call) calls_.erase(call_);
    kind_ = Kind::none;
  }
  void delta(Json what, std::string& out) const {
    put("content_block_delta", {{"index", index_}, {"delta", std::move(what)}}, out);
  }

  void reason(const ReasoningDelta& e, std::string& out) {
    open(Kind::thinking, {{"type", "thinking"}, {"thinking", ""}, {"signature", ""}}, out);
    if (!e.text.empty()) delta({{"type", "thinking_delta"}, {"thinking", e.text}}, out);
    if (!e.signature.empty()) delta({{"type", "signature_delta"}, {"signature", e.signature}}, out);
  }

  void open_call(std::int64_t index, std::string& out) {
    Call& call = calls_[index];
    open(Kind::call, {{"type", "tool_use"}, {"id", call.id}, {"name", call.name}, {"input", Json::object()}},
         out);
    call_ = index;
    if (!call.waiting.empty()) delta({{"type", "input_json_delta"}, {"partial_json", call.waiting}}, out);
    call.waiting.clear();
  }

  void arguments(const ToolArguments& e, std::string& out) {
    if (kind_ == Kind::call && call_ == e.index) {
      delta({{"type", "input_json_delta"}, {"partial_json", e.text}}, out);
    } else if (const auto call = calls_.find(e.index); call != calls_.end()) {
      call->second.waiting += e.text;
    }
  }

  std::string model_;
  Kind kind_ = Kind::none;
  std::int64_t index_ = 0;              // of the open block, or of the next
  std::int64_t call_ = 0;               // the open one
  std::map<std::int64_t, Call> calls_;  // open or waiting
  Finish finish_ = Finish::stop;
  ledger::Tokens tokens_;
};

}  // namespace

std::unique_ptr<ReplyWriter> openai_writer(std::string model, bool wants_usage) {
  return std::make_unique<OpenAiWriter>(std::move(model), wants_usage);
}
std::unique_ptr<ReplyWriter> anthropic_writer(std::string model) {
  return std::make_unique<AnthropicWriter>(std::move(model));
}

}  // namespace acloud::model
