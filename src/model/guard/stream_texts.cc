#include "model/guard/stream_texts.h"

namespace acloud::model::guard {
namespace {

using Pointer = OrderedJson::json_pointer;

const OrderedJson* member(const OrderedJson& from, const char* name) {
  if (!from.is_object()) return nullptr;
  const auto found = from.find(name);
  return found == from.end() ? nullptr : &*found;
}

std::string string_at(const OrderedJson& from, const char* name) {
  const OrderedJson* found = member(from, name);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t number_at(const OrderedJson& from, const char* name) {
  const OrderedJson* found = member(from, name);
  return found != nullptr && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

void add(EventTexts& texts, std::string channel, const Pointer& at, const OrderedJson* value) {
  if (value == nullptr || !value->is_string() || value->get_ref<const std::string&>().empty()) return;
  texts.pieces.push_back({std::move(channel), at, value->get<std::string>()});
}

void chat_delta(EventTexts& texts, const std::string& choice, const Pointer& at, const OrderedJson& delta) {
  for (const char* name : {"content", "reasoning_content", "reasoning", "refusal"}) {
    add(texts, choice + name, at / name, member(delta, name));
  }
  const OrderedJson* calls = member(delta, "tool_calls");
  for (std::size_t i = 0; calls != nullptr && calls->is_array() && i < calls->size(); ++i) {
    const OrderedJson* function = member((*calls)[i], "function");
    if (function == nullptr) continue;
    add(texts, fmt::format("{}arguments {}", choice, number_at((*calls)[i], "index")),
        at / "tool_calls" / i / "function" / "arguments", member(*function, "arguments"));
  }
}

EventTexts chat(const OrderedJson& event) {
  EventTexts texts;
  const OrderedJson* choices = member(event, "choices");
  for (std::size_t i = 0; choices != nullptr && choices->is_array() && i < choices->size(); ++i) {
    const OrderedJson& choice = (*choices)[i];
    const std::string channel = fmt::format("{} ", number_at(choice, "index"));
    if (const OrderedJson* delta = member(choice, "delta"))
      chat_delta(texts, channel, Pointer("/choices") / i / "delta", *delta);
    if (!string_at(choice, "finish_reason").empty()) texts.ended.push_back(channel);
  }
  return texts;
}

EventTexts messages(const OrderedJson& event) {
  EventTexts texts;
  const std::string type = string_at(event, "type");
  const std::string channel = fmt::format("{} ", number_at(event, "index"));
  if (type == "content_block_stop") texts.ended.push_back(channel);
  if (type == "message_stop") texts.ended.emplace_back();
  const OrderedJson* delta = member(event, "delta");
  if (type != "content_block_delta" || delta == nullptr) return texts;
  for (const char* name : {"text", "thinking", "partial_json"}) {
    add(texts, channel + name, Pointer("/delta") / name, member(*delta, name));
  }
  return texts;
}

// "response.output_text.delta" goes on, "response.output_text.done" ends, at one place in one item.
EventTexts responses(const OrderedJson& event) {
  EventTexts texts;
  const std::string type = string_at(event, "type");
  const std::string item = fmt::format("{} ", number_at(event, "output_index"));
  if (type.ends_with(".delta")) {
    const std::int64_t part = number_at(event, "content_index") + number_at(event, "summary_index");
    add(texts, fmt::format("{}{} {}", item, part, type), Pointer("/delta"), member(event, "delta"));
  } else if (type.ends_with(".done")) {
    texts.ended.push_back(item);
  } else if (type == "response.completed" || type == "response.incomplete" || type == "response.failed") {
    texts.ended.emplace_back();
  }
  return texts;
}

}  // namespace

EventTexts texts_of(Form form, const OrderedJson& event) {
  if (form == Form::anthropic_messages) return messages(event);
  return form == Form::openai_responses ? responses(event) : chat(event);
}

}  // namespace acloud::model::guard
