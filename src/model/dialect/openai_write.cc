// Requests of OpenAI's chat completions, written.
#include "model/dialect/json_read.h"

namespace acloud::model {
namespace {

Json image_part(const ImagePart& image) {
  const std::string url =
      image.url.empty() ? fmt::format("data:{};base64,{}", image.media_type, image.data) : image.url;
  return {{"type", "image_url"}, {"image_url", {{"url", url}}}};
}

Result<Json> tool_message(const ToolResultPart& result, const std::string& where) {
  std::string text = result.is_error ? "Error: " : "";
  for (const auto& part : result.content) {
    if (std::holds_alternative<ImagePart>(part))
      return cannot_translate(where, "an image in a tool's result");
    text += std::get<TextPart>(part).text;
  }
  return Json{{"role", "tool"}, {"tool_call_id", result.id}, {"content", text}};
}

// Text alone stays text, which every provider takes.
Json content_of(const std::vector<Json>& parts) {
  if (parts.size() == 1 && parts[0]["type"] == "text") return parts[0]["text"];
  return Json(parts);
}

Result<> write_message(const Message& message, const std::string& where, Json& messages) {
  std::vector<Json> content;
  Json calls = Json::array();
  std::string reasoning;
  for (const Part& part : message.parts) {
    if (const auto* text = std::get_if<TextPart>(&part)) {
      content.push_back({{"type", "text"}, {"text", text->text}});
    } else if (const auto* image = std::get_if<ImagePart>(&part)) {
      content.push_back(image_part(*image));
    } else if (const auto* thought = std::get_if<ReasoningPart>(&part)) {
      reasoning += thought->text;
    } else if (const auto* call = std::get_if<ToolUsePart>(&part)) {
      calls.push_back({{"id", call->id},
                       {"type", "function"},
                       {"function", {{"name", call->name}, {"arguments", call->arguments}}}});
    } else if (const auto* result = std::get_if<ToolResultPart>(&part)) {
      ACLOUD_TRY(Json written, tool_message(*result, where));
      messages.push_back(std::move(written));
    }
  }
  if (content.empty() && calls.empty() && reasoning.empty()) return {};
  static constexpr const char* kRoles[] = {"system", "user", "assistant"};
  Json written = {{"role", kRoles[static_cast<int>(message.role)]}};
  written["content"] = content.empty() ? Json() : content_of(content);
  if (!calls.empty()) written["tool_calls"] = std::move(calls);
  if (!reasoning.empty()) written["reasoning_content"] = std::move(reasoning);
  messages.push_back(std::move(written));
  return {};
}

void write_openai_tools(const Conversation& from, Json& out) {
  for (const Tool& tool : from.tools) {
    Json function = {{"name", tool.name}, {"parameters", tool.parameters}};
    if (!tool.description.empty()) function["description"] = tool.description;
    if (tool.strict) function["strict"] = *tool.strict;
    out["tools"].push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  if (from.parallel_tools && !from.tools.empty()) out["parallel_tool_calls"] = *from.parallel_tools;
  if (!from.tool_choice) return;
  static constexpr const char* kChoices[] = {"auto", "none", "required"};
  out["tool_choice"] = from.tool_choice->kind == ToolChoice::Kind::one
                           ? Json{{"type", "function"}, {"function", {{"name", from.tool_choice->name}}}}
                           : Json(kChoices[static_cast<int>(from.tool_choice->kind)]);
}

}  // namespace

Result<Json> write_openai(const Conversation& from, const std::string& model) {
  Json out = from.only_openai;
  out["model"] = model;
  out["messages"] = Json::array();
  for (std::size_t i = 0; i < from.messages.size(); ++i) {
    ACLOUD_CHECK(write_message(from.messages[i], at("messages", i), out["messages"]));
  }
  write_openai_tools(from, out);
  if (from.max_tokens) out["max_tokens"] = *from.max_tokens;
  if (from.temperature) out["temperature"] = *from.temperature;
  if (from.top_p) out["top_p"] = *from.top_p;
  if (from.top_k) out["top_k"] = *from.top_k;
  if (!from.stop.empty()) out["stop"] = from.stop;
  if (from.any_json) out["response_format"] = {{"type", "json_object"}};
  if (const auto& schema = from.output_schema) {
    Json format = {{"name", schema->name.empty() ? "answer" : schema->name}, {"schema", schema->schema}};
    if (schema->strict) format["strict"] = *schema->strict;
    out["response_format"] = {{"type", "json_schema"}, {"json_schema", std::move(format)}};
  }
  if (!from.effort.empty()) out["reasoning_effort"] = from.effort;
  if (!from.user.empty()) out["user"] = from.user;
  if (from.stream) {
    out["stream"] = true;
    out["stream_options"] = {{"include_usage", true}};
  }
  return out;
}

}  // namespace acloud::model
