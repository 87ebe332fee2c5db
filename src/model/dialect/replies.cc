// Whole replies, read and written.
#include "model/dialect/json_read.h"
#include "model/dialect/names.h"
#include "model/usage_reader.h"

namespace acloud::model {
namespace {

std::unexpected<Error> not_a_reply(std::string_view wanted) {
  return fail(ErrorCode::unavailable, "the upstream's reply has no {}", wanted);
}

}  // namespace

Result<CompleteReply> read_openai_reply(const Json& reply) {
  const Json* choices = field_of(reply, "choices");
  if (choices == nullptr || !choices->is_array() || choices->empty()) return not_a_reply("choices");
  const Json* message = field_of(choices->front(), "message");
  if (message == nullptr || !message->is_object()) return not_a_reply("message");
  CompleteReply out{.id = text_of(reply, "id"), .parts = {}, .tokens = {}};
  for (const char* name : {"reasoning_content", "reasoning"}) {
    if (std::string text = text_of(*message, name); !text.empty()) {
      out.parts.push_back(ReasoningPart{std::move(text), ""});
      break;
    }
  }
  for (const char* name : {"content", "refusal"}) {
    if (std::string text = text_of(*message, name); !text.empty())
      out.parts.push_back(TextPart{std::move(text)});
  }
  const Json* calls = field_of(*message, "tool_calls");
  for (std::size_t i = 0; calls != nullptr && calls->is_array() && i < calls->size(); ++i) {
    const Json* function = field_of((*calls)[i], "function");
    if (function == nullptr) return not_a_reply("function in a call of a tool");
    out.parts.push_back(
        ToolUsePart{text_of((*calls)[i], "id"), text_of(*function, "name"), text_of(*function, "arguments")});
  }
  out.finish = finish_of_openai(text_of(choices->front(), "finish_reason"));
  if (const Json* usage = field_of(reply, "usage")) out.tokens = openai_usage(*usage);
  return out;
}

Result<CompleteReply> read_anthropic_reply(const Json& reply) {
  const Json* content = field_of(reply, "content");
  if (content == nullptr || !content->is_array()) return not_a_reply("content");
  CompleteReply out{.id = text_of(reply, "id"), .parts = {}, .tokens = {}};
  for (const Json& part : *content) {
    const std::string type = text_of(part, "type");
    if (type == "text") {
      out.parts.push_back(TextPart{text_of(part, "text")});
    } else if (type == "thinking") {
      out.parts.push_back(ReasoningPart{text_of(part, "thinking"), text_of(part, "signature")});
    } else if (type == "tool_use") {
      const Json* input = field_of(part, "input");
      out.parts.push_back(
          ToolUsePart{text_of(part, "id"), text_of(part, "name"), input == nullptr ? "{}" : to_text(*input)});
    } else if (type != "redacted_thinking") {  // which nobody can read
      return fail(ErrorCode::unavailable,
                  "the upstream's reply holds a part of type \"{}\", which can't be translated", type);
    }
  }
  out.finish = finish_of_anthropic(text_of(reply, "stop_reason"));
  if (const Json* usage = field_of(reply, "usage")) out.tokens = anthropic_usage(*usage);
  return out;
}

Json write_openai_reply(const CompleteReply& reply, const std::string& model) {
  Json message = {{"role", "assistant"}, {"content", nullptr}};
  std::string reasoning;
  Json calls = Json::array();
  for (const Part& part : reply.parts) {
    if (const auto* thought = std::get_if<ReasoningPart>(&part)) reasoning += thought->text;
    if (const auto* call = std::get_if<ToolUsePart>(&part)) {
      calls.push_back({{"id", call->id},
                       {"type", "function"},
                       {"function", {{"name", call->name}, {"arguments", call->arguments}}}});
    }
  }
  if (std::string text = joined_text(reply.parts); !text.empty() || calls.empty())
    message["content"] = std::move(text);
  if (!reasoning.empty()) message["reasoning_content"] = std::move(reasoning);
  if (!calls.empty()) message["tool_calls"] = std::move(calls);
  Json out = {
      {"id", reply.id},
      {"object", "chat.completion"},
      {"created", unix_now()},
      {"model", model},
      {"choices",
       {{{"index", 0}, {"message", std::move(message)}, {"finish_reason", to_openai(reply.finish)}}}}};
  if (reply.tokens) out["usage"] = to_openai_usage(*reply.tokens);
  return out;
}

Result<Json> write_anthropic_reply(const CompleteReply& reply, const std::string& model) {
  Json content = Json::array();
  for (const Part& part : reply.parts) {
    if (const auto* text = std::get_if<TextPart>(&part)) {
      content.push_back({{"type", "text"}, {"text", text->text}});
    } else if (const auto* thought = std::get_if<ReasoningPart>(&part)) {
      content.push_back(
          {{"type", "thinking"}, {"thinking", thought->text}, {"signature", thought->signature}});
    } else if (const auto* call = std::get_if<ToolUsePart>(&part)) {
      const auto input = parse_json(call->arguments.empty() ? "{}" : call->arguments);
      if (!input) {
        return fail(ErrorCode::unavailable, "the model called {} with arguments that are not JSON",
                    call->name);
      }
      content.push_back({{"type", "tool_use"}, {"id", call->id}, {"name", call->name}, {"input", *input}});
    }
  }
  return Json{{"id", reply.id},
              {"type", "message"},
              {"role", "assistant"},
              {"model", model},
              {"content", std::move(content)},
              {"stop_reason", to_anthropic(reply.finish)},
              {"stop_sequence", nullptr},
              {"usage", to_anthropic_usage(reply.tokens.value_or(ledger::Tokens{}))}};
}

Json write_responses_reply(const CompleteReply& reply, const std::string& model,
                           const Namespaces& namespaces) {
  Json output = Json::array();
  for (const Part& part : reply.parts) {
    if (const auto* text = std::get_if<TextPart>(&part)) {
      output.push_back(responses_message(item_id("msg", reply.id, output.size()), text->text, "completed"));
    } else if (const auto* thought = std::get_if<ReasoningPart>(&part)) {
      output.push_back(responses_reasoning(item_id("rs", reply.id, output.size()), thought->text));
    } else if (const auto* call = std::get_if<ToolUsePart>(&part)) {
      output.push_back(
          responses_call(item_id("fc", reply.id, output.size()), *call, "completed", namespaces));
    }
  }
  return responses_object("resp_" + reply.id, model, std::move(output), reply.finish, reply.tokens);
}

}  // namespace acloud::model
