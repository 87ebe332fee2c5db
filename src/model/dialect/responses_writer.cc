// Streamed replies, written as OpenAI's Responses: named events, numbered, that build up items one by one and
// end with the whole.
#include "model/dialect/names.h"

namespace acloud::model {
namespace {

class ResponsesWriter final : public ReplyWriter {
 public:
  ResponsesWriter(std::string model, Namespaces namespaces)
      : model_(std::move(model)), namespaces_(std::move(namespaces)) {}

  void write(const ReplyEvent& event, std::string& out) override {
    if (const auto* begin = std::get_if<Begin>(&event)) {
      reply_ = begin->id;
      for (const char* type : {"response.created", "response.in_progress"}) {
        put(type, {{"response", response(std::nullopt)}}, out);
      }
    } else if (const auto* text = std::get_if<TextDelta>(&event)) {
      if (kind_ != Kind::text) open_text(out);
      text_ += text->text;
      put("response.output_text.delta", in_content({{"delta", text->text}, {"logprobs", Json::array()}}),
          out);
    } else if (const auto* thought = std::get_if<ReasoningDelta>(&event)) {
      if (thought->text.empty()) return;
      if (kind_ != Kind::reasoning) open_reasoning(out);
      text_ += thought->text;
      put("response.reasoning_text.delta", in_content({{"delta", thought->text}}), out);
    } else if (const auto* call = std::get_if<ToolBegin>(&event)) {
      if (kind_ == Kind::call) {
        calls_[call->index] = {call->id, call->name, ""};  // its turn comes
      } else {
        open_call({call->id, call->name, ""}, call->index, out);
      }
    } else if (const auto* piece = std::get_if<ToolArguments>(&event)) {
      arguments(*piece, out);
    } else if (const auto* finished = std::get_if<Finished>(&event)) {
      finish_ = finished->finish;
    } else if (const auto* figures = std::get_if<Figures>(&event)) {
      tokens_ = figures->tokens;
    }
  }

  void finish(std::string& out, std::string& last) override {
    close(out);
    while (!calls_.empty()) {
      auto next = calls_.extract(calls_.begin());
      std::string waiting = std::exchange(next.mapped().arguments, "");
      open_call(std::move(next.mapped()), next.key(), out);
      arguments({next.key(), std::move(waiting)}, out);
      close(out);
    }
    const bool whole = finish_ != Finish::length && finish_ != Finish::refused;
    put(whole ? "response.completed" : "response.incomplete", {{"response", response(finish_)}}, last);
  }

 private:
  enum class Kind { none, text, reasoning, call };

  void put(const char* type, Json fields, std::string& out) {
    fields["type"] = type;
    fields["sequence_number"] = number_++;
    out += fmt::format("event: {}\ndata: {}\n\n", type, to_text(fields));
  }

  Json response(std::optional<Finish> finish) const {
    return responses_object("resp_" + reply_, model_, output_, finish, tokens_);
  }
  Json in_item(Json fields) const {
    fields["item_id"] = item_;
    fields["output_index"] = output_.size();
    return fields;
  }
  Json in_content(Json fields) const {
    fields["content_index"] = 0;
    return in_item(std::move(fields));
  }
  void open(Kind kind, const char* prefix, std::string& out) {
    close(out);
    kind_ = kind;
    item_ = item_id(prefix, reply_, output_.size());
    text_.clear();
  }
  void added(Json item, std::string& out) {
    put("response.output_item.added", {{"output_index", output_.size()}, {"item", std::move(item)}}, out);
  }

  void open_text(std::string& out) {
    open(Kind::text, "msg", out);
    added(responses_message(item_, "", "in_progress"), out);
    put("response.content_part.added", in_content({{"part", text_part("")}}), out);
  }
  void open_reasoning(std::string& out) {
    open(Kind::reasoning, "rs", out);
    added(responses_reasoning(item_, ""), out);
  }
  void open_call(ToolUsePart call, std::int64_t index, std::string& out) {
    open(Kind::call, "fc", out);
    call_ = std::move(call);
    call_index_ = index;
    added(responses_call(item_, call_, "in_progress", namespaces_), out);
  }
  static Json text_part(const std::string& text) {
    return {
        {"type", "output_text"}, {"text", text}, {"annotations", Json::array()}, {"logprobs", Json::array()}};
  }

  void arguments(const ToolArguments& piece, std::string& out) {
    if (kind_ != Kind::call || piece.index != call_index_) {
      if (const auto waiting = calls_.find(piece.index); waiting != calls_.end()) {
        waiting->second.arguments += piece.text;
      }
      return;
    }
    if (piece.text.empty()) return;
    call_.arguments += piece.text;
    put("response.function_call_arguments.delta", in_item({{"delta", piece.text}}), out);
  }

  void close(std::string& out) {
    if (kind_ == Kind::none) return;
    Json item;
    if (kind_ == Kind::text) {
      put("response.output_text.done", in_content({{"text", text_}, {"logprobs", Json::array()}}), out);
      put("response.content_part.done", in_content({{"part", text_part(text_)}}), out);
      item = responses_message(item_, text_, "completed");
    } else if (kind_ == Kind::reasoning) {
      put("response.reasoning_text.done", in_content({{"text", text_}}), out);
      item = responses_reasoning(item_, text_);
    } else {
      put("response.function_call_arguments.done",
          in_item({{"arguments", call_.arguments}, {"name", call_.name}}), out);
      item = responses_call(item_, call_, "completed", namespaces_);
    }
    put("response.output_item.done", {{"output_index", output_.size()}, {"item", item}}, out);
    output_.push_back(std::move(item));
    kind_ = Kind::none;
  }

  std::string model_;
  Namespaces namespaces_;
  std::string reply_;
  std::int64_t number_ = 0;
  Json output_ = Json::array();  // items that are whole
  Kind kind_ = Kind::none;
  std::string item_;  // the open one
  std::string text_;
  ToolUsePart call_;
  std::int64_t call_index_ = 0;
  std::map<std::int64_t, ToolUsePart> calls_;  // that wait for the open one's end
  Finish finish_ = Finish::stop;
  std::optional<ledger::Tokens> tokens_;
};

}  // namespace

std::unique_ptr<ReplyWriter> responses_writer(std::string model, Namespaces namespaces) {
  return std::make_unique<ResponsesWriter>(std::move(model), std::move(namespaces));
}

}  // namespace acloud::model
