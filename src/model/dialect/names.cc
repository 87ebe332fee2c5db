#include "model/dialect/names.h"

#include <chrono>

#include "model/usage_reader.h"

namespace acloud::model {

Finish finish_of_openai(std::string_view reason) {
  if (reason == "length") return Finish::length;
  if (reason == "tool_calls" || reason == "function_call") return Finish::tool_calls;
  return reason == "content_filter" ? Finish::refused : Finish::stop;
}

Finish finish_of_anthropic(std::string_view reason) {
  if (reason == "max_tokens" || reason == "model_context_window_exceeded") return Finish::length;
  if (reason == "tool_use") return Finish::tool_calls;
  return reason == "refusal" ? Finish::refused : Finish::stop;
}

const char* to_openai(Finish finish) {
  static constexpr const char* kNames[] = {"stop", "length", "tool_calls", "content_filter"};
  return kNames[static_cast<int>(finish)];
}

const char* to_anthropic(Finish finish) {
  static constexpr const char* kNames[] = {"end_turn", "max_tokens", "tool_use", "refusal"};
  return kNames[static_cast<int>(finish)];
}

std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string item_id(std::string_view prefix, std::string_view reply, std::size_t index) {
  return fmt::format("{}_{}_{}", prefix, reply, index);
}

Json responses_message(const std::string& id, const std::string& text, const char* status) {
  Json content = Json::array();
  if (std::string_view(status) == "completed") {
    content.push_back({{"type", "output_text"},
                       {"text", text},
                       {"annotations", Json::array()},
                       {"logprobs", Json::array()}});
  }
  return {{"type", "message"},
          {"id", id},
          {"status", status},
          {"role", "assistant"},
          {"content", std::move(content)}};
}

Json responses_reasoning(const std::string& id, const std::string& text) {
  Json content = Json::array();
  if (!text.empty()) content.push_back({{"type", "reasoning_text"}, {"text", text}});
  return {{"type", "reasoning"}, {"id", id}, {"summary", Json::array()}, {"content", std::move(content)}};
}

Json responses_call(const std::string& id, const ToolUsePart& call, const char* status,
                    const Namespaces& namespaces) {
  Json item = {{"type", "function_call"}, {"id", id},         {"call_id", call.id},
               {"name", call.name},       {"status", status}, {"arguments", call.arguments}};
  for (const std::string& space : namespaces) {
    if (!call.name.starts_with(space + "__")) continue;
    item["namespace"] = space;
    item["name"] = call.name.substr(space.size() + 2);
  }
  return item;
}

Json responses_object(const std::string& id, const std::string& model, Json output,
                      std::optional<Finish> finish, const std::optional<ledger::Tokens>& tokens) {
  const char* status = "in_progress";
  Json incomplete;
  if (finish) status = "completed";
  if (finish == Finish::length || finish == Finish::refused) {
    status = "incomplete";
    incomplete = {{"reason", finish == Finish::length ? "max_output_tokens" : "content_filter"}};
  }
  return {{"id", id},
          {"object", "response"},
          {"created_at", unix_now()},
          {"status", status},
          {"model", model},
          {"output", std::move(output)},
          {"error", nullptr},
          {"incomplete_details", std::move(incomplete)},
          {"instructions", nullptr},
          {"metadata", Json::object()},
          {"parallel_tool_calls", true},
          {"temperature", nullptr},
          {"top_p", nullptr},
          {"tool_choice", "auto"},
          {"tools", Json::array()},
          {"usage", tokens ? to_responses_usage(*tokens) : Json()}};
}

}  // namespace acloud::model
