#include "model/span_content.h"

#include "model/dialect/json_read.h"
#include "telemetry/span.h"

namespace acloud::model {
namespace {

constexpr std::size_t kTextMost = 8 * 1024;  // of one part
// The attribute as a whole: what is cut there would be no JSON any more.
constexpr std::size_t kMessagesMost = telemetry::Span::kContentBytes - 1024;

Json as_json(const std::string& text) {
  auto parsed = parse_json(text);
  return parsed ? *std::move(parsed) : Json(telemetry::cut(text, kTextMost));
}

struct PartWriter {
  Json operator()(const TextPart& part) const {
    return {{"type", "text"}, {"content", telemetry::cut(part.text, kTextMost)}};
  }
  // The bytes of an image are no business of a trace.
  Json operator()(const ImagePart& part) const {
    if (part.url.empty()) return {{"type", "image"}, {"mime_type", part.media_type}};
    return {{"type", "uri"}, {"modality", "image"}, {"uri", telemetry::cut(part.url, kTextMost)}};
  }
  Json operator()(const ReasoningPart& part) const {
    return {{"type", "reasoning"}, {"content", telemetry::cut(part.text, kTextMost)}};
  }
  Json operator()(const ToolUsePart& part) const {
    Json arguments = part.arguments.size() > kTextMost ? Json(telemetry::cut(part.arguments, kTextMost))
                                                       : as_json(part.arguments);
    return {{"type", "tool_call"}, {"id", part.id}, {"name", part.name}, {"arguments", std::move(arguments)}};
  }
  Json operator()(const ToolResultPart& part) const {
    std::string text;
    for (const auto& each : part.content) {
      if (const auto* said = std::get_if<TextPart>(&each)) text += said->text;
    }
    return {{"type", "tool_call_response"}, {"id", part.id}, {"response", telemetry::cut(text, kTextMost)}};
  }
};

Json written(const std::vector<Part>& parts) {
  Json list = Json::array();
  for (const Part& part : parts) list.push_back(std::visit(PartWriter(), part));
  return list;
}

std::string_view role_of(const Message& message) {
  if (message.role == Role::assistant) return "assistant";
  if (message.role == Role::system) return "system";
  const bool is_result = !message.parts.empty() && std::ranges::all_of(message.parts, [](const Part& part) {
    return std::holds_alternative<ToolResultPart>(part);
  });
  return is_result ? "tool" : "user";
}

// The latest of `items` that fit, as a list.
std::string latest(const std::vector<std::string>& items) {
  std::size_t first = items.size();
  std::size_t size = 2;
  while (first > 0 && size + items[first - 1].size() + 1 <= kMessagesMost) size += items[--first].size() + 1;
  std::string list = "[";
  for (std::size_t i = first; i < items.size(); ++i) list += (i > first ? "," : "") + items[i];
  return list + ']';
}

std::string_view finish_text(Finish finish) {
  switch (finish) {
    case Finish::length:
      return "length";
    case Finish::tool_calls:
      return "tool_call";
    case Finish::refused:
      return "content_filter";
    case Finish::stop:
      break;
  }
  return "stop";
}

// The reply that a Response of OpenAI's is.
std::optional<CompleteReply> reply_in_response(const Json& response) {
  const Json* output = field_of(response, "output");
  if (output == nullptr || !output->is_array()) return std::nullopt;
  CompleteReply reply{.id = text_of(response, "id"), .parts = {}, .tokens = {}};
  for (const Json& item : *output) {
    if (text_of(item, "type") == "function_call") {
      reply.finish = Finish::tool_calls;
      reply.parts.push_back(
          ToolUsePart{text_of(item, "call_id"), text_of(item, "name"), text_of(item, "arguments")});
      continue;
    }
    const Json* content = field_of(item, "content");
    for (std::size_t i = 0; content != nullptr && content->is_array() && i < content->size(); ++i) {
      std::string text = text_of((*content)[i], "text");
      if (text_of(item, "type") == "reasoning") {
        reply.parts.push_back(ReasoningPart{std::move(text), ""});
      } else {
        reply.parts.push_back(TextPart{std::move(text)});
      }
    }
  }
  if (text_of(response, "status") == "incomplete") reply.finish = Finish::length;
  return reply;
}

std::optional<CompleteReply> whole_reply(Form form, std::string_view bytes) {
  const auto parsed = parse_json(bytes);
  if (!parsed) return std::nullopt;
  if (form == Form::openai_responses) return reply_in_response(*parsed);
  auto reply = form == Form::anthropic_messages ? read_anthropic_reply(*parsed) : read_openai_reply(*parsed);
  if (!reply) return std::nullopt;
  return *std::move(reply);
}

// Puts the pieces of a streamed reply together.
class Gatherer {
 public:
  void take(const ReplyEvent& event) {
    if (const auto* text = std::get_if<TextDelta>(&event)) text_ += text->text;
    if (const auto* thought = std::get_if<ReasoningDelta>(&event)) reasoning_ += thought->text;
    if (const auto* begin = std::get_if<ToolBegin>(&event))
      calls_[begin->index] = {begin->id, begin->name, ""};
    if (const auto* piece = std::get_if<ToolArguments>(&event)) calls_[piece->index].arguments += piece->text;
    if (const auto* finished = std::get_if<Finished>(&event)) finish_ = finished->finish;
  }
  CompleteReply reply() {
    CompleteReply reply{.id = {}, .parts = {}, .finish = finish_, .tokens = {}};
    if (!reasoning_.empty()) reply.parts.push_back(ReasoningPart{std::move(reasoning_), ""});
    if (!text_.empty()) reply.parts.push_back(TextPart{std::move(text_)});
    for (auto& [index, call] : calls_) reply.parts.push_back(std::move(call));
    return reply;
  }

 private:
  std::string text_, reasoning_;
  std::map<std::int64_t, ToolUsePart> calls_;
  Finish finish_ = Finish::stop;
};

std::optional<CompleteReply> streamed_reply(Form form, std::string_view bytes) {
  SseCutter cutter;
  if (!cutter.feed(bytes)) return std::nullopt;
  const auto reader = form == Form::anthropic_messages ? anthropic_reader() : openai_reader();
  Gatherer gatherer;
  std::vector<ReplyEvent> events;
  RawEvent event;
  while (cutter.next(event)) {
    if (form == Form::openai_responses) {
      const auto parsed = parse_json(event.data);
      const Json* response = parsed ? field_of(*parsed, "response") : nullptr;
      const bool ends = event.name == "response.completed" || event.name == "response.incomplete";
      if (ends && response != nullptr) return reply_in_response(*response);
      continue;
    }
    events.clear();
    if (!reader->read(event, events)) return std::nullopt;
    for (const ReplyEvent& each : events) gatherer.take(each);
  }
  if (form == Form::openai_responses) return std::nullopt;
  return gatherer.reply();
}

}  // namespace

std::optional<SpanContent> content_of_request(Form form, std::string_view request) {
  if (!is_chat(form)) return std::nullopt;
  const auto parsed = parse_json(request);
  if (!parsed) return std::nullopt;
  const auto conversation = form == Form::anthropic_messages ? read_anthropic(*parsed)
                            : form == Form::openai_responses ? read_responses(*parsed)
                                                             : read_openai(*parsed);
  if (!conversation) return std::nullopt;
  SpanContent content;
  std::vector<std::string> system, messages;
  for (const Message& message : conversation->messages) {
    if (message.role == Role::system && messages.empty()) {
      for (const Part& part : message.parts) system.push_back(to_text(std::visit(PartWriter(), part)));
    } else {
      messages.push_back(to_text({{"role", role_of(message)}, {"parts", written(message.parts)}}));
    }
  }
  if (!system.empty()) content.system = latest(system);
  content.input = latest(messages);
  return content;
}

std::optional<std::string> content_of_reply(Form form, std::string_view content_type,
                                            std::string_view reply) {
  if (!is_chat(form)) return std::nullopt;
  const bool streamed = content_type.starts_with("text/event-stream");
  const auto said = streamed ? streamed_reply(form, reply) : whole_reply(form, reply);
  if (!said) return std::nullopt;
  return latest({to_text({{"role", "assistant"},
                          {"parts", written(said->parts)},
                          {"finish_reason", finish_text(said->finish)}})});
}

}  // namespace acloud::model
