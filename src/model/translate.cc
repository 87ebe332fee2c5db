#include "model/translate.h"

#include "base/encoding.h"
#include "model/dialect/json_read.h"
#include "model/dialect/names.h"
#include "model/usage_reader.h"

namespace acloud::model {
namespace {

Result<Conversation> read(Form form, const Json& request) {
  if (form == Form::anthropic_messages) return read_anthropic(request);
  return form == Form::openai_responses ? read_responses(request) : read_openai(request);
}

std::unique_ptr<ReplyWriter> writer_of(Form form, const ReplyWishes& wishes) {
  if (form == Form::anthropic_messages) return anthropic_writer(wishes.model);
  if (form == Form::openai_responses) return responses_writer(wishes.model, wishes.namespaces);
  return openai_writer(wishes.model, wishes.usage);
}

const char* finish_name(Form form, Finish finish) {
  return form == Form::anthropic_messages ? to_anthropic(finish) : to_openai(finish);
}

class Translation final : public StreamPipe {
 public:
  // `from`: the upstream's form.
  Translation(Form from, std::unique_ptr<ReplyWriter> writer)
      : from_(from),
        reader_(from == Form::anthropic_messages ? anthropic_reader() : openai_reader()),
        writer_(std::move(writer)) {}

  Result<> take(const RawEvent& event, std::string& out, std::string& last) override {
    if (learned_.done) return {};
    events_.clear();
    ACLOUD_CHECK(reader_->read(event, events_));
    for (const ReplyEvent& each : events_) {
      ACLOUD_CHECK(learn(each));
      writer_->write(each, out);
    }
    // OpenAI tells its figures after the reason why it finished, Anthropic before.
    const bool over = event.data == "[DONE]" || event.name == "message_stop";
    if (over && finished_) finish(out, last);
    return {};
  }

  Result<> end(std::string& out, std::string& last) override {
    if (learned_.done) return {};
    if (!finished_) {
      return fail(ErrorCode::unavailable, "the upstream closed its stream before the answer was whole");
    }
    finish(out, last);
    return {};
  }

 private:
  void finish(std::string& out, std::string& last) {
    learned_.done = learned_.first_token = true;
    writer_->finish(out, last);
  }

  Result<> learn(const ReplyEvent& event) {
    if (const auto* failed = std::get_if<Failed>(&event)) {
      const bool limited = failed->type.find("rate_limit") != std::string::npos;
      return fail(limited ? ErrorCode::rate_limited : ErrorCode::unavailable,
                  "the upstream broke off its answer: {}",
                  to_valid_utf8((failed->message.empty() ? failed->type : failed->message).substr(0, 500)));
    }
    if (const auto* figures = std::get_if<Figures>(&event)) {
      learned_.tokens = figures->tokens;
      learned_.whole_figures = figures->whole;
    } else if (std::holds_alternative<Finished>(event)) {
      finished_ = learned_.first_token = true;
      learned_.note_finish(finish_name(from_, std::get<Finished>(event).finish));
    } else if (const auto* begin = std::get_if<Begin>(&event)) {
      learned_.note_id(begin->id);
    } else if (const auto* text = std::get_if<TextDelta>(&event)) {
      wrote(text->text);
    } else if (const auto* thought = std::get_if<ReasoningDelta>(&event)) {
      wrote(thought->text);
    } else if (const auto* call = std::get_if<ToolBegin>(&event)) {
      wrote(call->name);
    } else if (const auto* piece = std::get_if<ToolArguments>(&event)) {
      wrote(piece->text);
    }
    return {};
  }

  void wrote(std::string_view text) {
    if (text.empty()) return;
    learned_.first_token = true;
    learned_.output_estimate += estimate_tokens(text);
  }

  Form from_;
  std::unique_ptr<ReplyReader> reader_;
  std::unique_ptr<ReplyWriter> writer_;
  std::vector<ReplyEvent> events_;
  bool finished_ = false;
};

}  // namespace

Result<TranslatedRequest> translate_request(Form from, Form to, std::string_view body,
                                            const std::string& model) {
  ACLOUD_TRY(const Json request, parse_json(body));
  ACLOUD_TRY(Conversation conversation, read(from, request));
  const bool to_anthropic = to == Form::anthropic_messages;
  ACLOUD_TRY(const Json written,
             to_anthropic ? write_anthropic(conversation, model) : write_openai(conversation, model));
  TranslatedRequest out{.body = to_text(written),
                        .namespaces = std::move(conversation.namespaces),
                        .left_out = std::move(conversation.left_out),
                        .beta = {}};
  const auto is_late = [](const Json& message) { return message["role"] == "system"; };
  if (to_anthropic && std::ranges::any_of(written["messages"], is_late)) {
    out.beta = "mid-conversation-system-2026-04-07";
  }
  return out;
}

Result<TranslatedReply> translate_reply(Form from, Form to, std::string_view body,
                                        const ReplyWishes& wishes) {
  const auto parsed = parse_json(body);
  if (!parsed) return fail(ErrorCode::unavailable, "the upstream's reply is {}", parsed.error().message());
  ACLOUD_TRY(const CompleteReply reply,
             from == Form::anthropic_messages ? read_anthropic_reply(*parsed) : read_openai_reply(*parsed));
  TranslatedReply out{.body = {}, .tokens = reply.tokens};
  out.output_estimate = estimate_tokens(joined_text(reply.parts));
  out.id = reply.id;
  out.finish = finish_name(from, reply.finish);
  if (to == Form::anthropic_messages) {
    ACLOUD_TRY(const Json written, write_anthropic_reply(reply, wishes.model));
    out.body = to_text(written);
  } else {
    out.body =
        to_text(to == Form::openai_responses ? write_responses_reply(reply, wishes.model, wishes.namespaces)
                                             : write_openai_reply(reply, wishes.model));
  }
  return out;
}

std::unique_ptr<StreamPipe> translate_stream(Form from, Form to, const ReplyWishes& wishes) {
  return std::make_unique<Translation>(from, writer_of(to, wishes));
}

}  // namespace acloud::model
