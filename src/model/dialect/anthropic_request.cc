// Requests of Anthropic's messages, read and written.
#include <algorithm>

#include "model/dialect/json_read.h"

namespace acloud::model {
namespace {

// What an answer may be long where nobody said: the dialect insists on a figure.
constexpr std::int64_t kMaxTokens = 8192;

Result<ImagePart> read_image(const Json& part, const std::string& where) {
  const Json* source = field_of(part, "source");
  if (source == nullptr) return wrong_part(where, "an image with a source");
  const std::string type = text_of(*source, "type");
  if (type == "url") return ImagePart{.media_type = {}, .data = {}, .url = text_of(*source, "url")};
  if (type != "base64")
    return cannot_translate(at(where, "source"), fmt::format("an image's source of type \"{}\"", type));
  return ImagePart{.media_type = text_of(*source, "media_type"), .data = text_of(*source, "data"), .url = {}};
}

Result<ToolResultPart> read_tool_result(const Json& part, const std::string& where) {
  ToolResultPart result{.id = text_of(part, "tool_use_id"), .content = {}};
  ACLOUD_TRY(const auto is_error, read_bool(part, "is_error", where));
  result.is_error = is_error.value_or(false);
  const Json* content = field_of(part, "content");
  if (content == nullptr) return result;
  if (content->is_string()) {
    result.content.emplace_back(TextPart{content->get<std::string>()});
    return result;
  }
  if (!content->is_array()) return wrong_part(at(where, "content"), "text or a list");
  for (std::size_t i = 0; i < content->size(); ++i) {
    const std::string type = text_of((*content)[i], "type");
    if (type == "text") {
      result.content.emplace_back(TextPart{text_of((*content)[i], "text")});
    } else if (type == "image") {
      ACLOUD_TRY(ImagePart image, read_image((*content)[i], at(at(where, "content"), i)));
      result.content.emplace_back(std::move(image));
    } else {
      return cannot_translate(at(at(where, "content"), i), fmt::format("a part of type \"{}\"", type));
    }
  }
  return result;
}

Result<> read_part(const Json& part, const std::string& where, std::vector<Part>& parts) {
  const std::string type = text_of(part, "type");
  if (type == "text") {
    parts.push_back(TextPart{text_of(part, "text")});
  } else if (type == "image") {
    ACLOUD_TRY(ImagePart image, read_image(part, where));
    parts.push_back(std::move(image));
  } else if (type == "thinking") {
    parts.push_back(ReasoningPart{text_of(part, "thinking"), text_of(part, "signature")});
  } else if (type == "tool_use") {
    const Json* input = field_of(part, "input");
    parts.push_back(
        ToolUsePart{text_of(part, "id"), text_of(part, "name"), input == nullptr ? "{}" : to_text(*input)});
  } else if (type == "tool_result") {
    ACLOUD_TRY(ToolResultPart result, read_tool_result(part, where));
    parts.push_back(std::move(result));
  } else {
    return cannot_translate(where, fmt::format("a part of type \"{}\"", type));
  }
  return {};
}

Result<> read_parts(const Json& content, const std::string& where, std::vector<Part>& parts) {
  if (content.is_string()) {
    parts.push_back(TextPart{content.get<std::string>()});
    return {};
  }
  if (!content.is_array()) return wrong_part(where, "text or a list of parts");
  for (std::size_t i = 0; i < content.size(); ++i) ACLOUD_CHECK(read_part(content[i], at(where, i), parts));
  return {};
}

Result<> read_messages(const Json& request, Conversation& out) {
  if (const Json* system = field_of(request, "system")) {
    Message message{Role::system, {}};
    ACLOUD_CHECK(read_parts(*system, "system", message.parts));
    out.messages.push_back(std::move(message));
  }
  const Json* messages = field_of(request, "messages");
  if (messages == nullptr || !messages->is_array()) return wrong_part("messages", "a list");
  for (std::size_t i = 0; i < messages->size(); ++i) {
    const Json& message = (*messages)[i];
    const std::string where = at("messages", i);
    const std::string role = text_of(message, "role");
    if (role != "user" && role != "assistant" && role != "system")
      return cannot_translate(at(where, "role"), fmt::format("the role \"{}\"", role));
    Message read{role == "user" ? Role::user : role == "system" ? Role::system : Role::assistant, {}};
    const Json* content = field_of(message, "content");
    if (content == nullptr) return wrong_part(at(where, "content"), "text or a list of parts");
    ACLOUD_CHECK(read_parts(*content, at(where, "content"), read.parts));
    out.messages.push_back(std::move(read));
  }
  return {};
}

Result<> read_anthropic_tools(const Json& request, Conversation& out) {
  const Json* tools = field_of(request, "tools");
  for (std::size_t i = 0; tools != nullptr && i < tools->size(); ++i) {
    const Json& tool = tools->is_array() ? (*tools)[i] : *tools;
    const std::string type = text_of(tool, "type");
    if ((!type.empty() && type != "custom") || field_of(tool, "input_schema") == nullptr) {
      return cannot_translate(at("tools", i), fmt::format("a tool of type \"{}\"", type));
    }
    ACLOUD_CHECK(only_fields(tool, at("tools", i),
                             {"type", "name", "description", "input_schema", "strict", "cache_control",
                              "eager_input_streaming", "input_examples"}));
    ACLOUD_TRY(const auto strict, read_bool(tool, "strict", at("tools", i)));
    out.tools.push_back(
        {text_of(tool, "name"), text_of(tool, "description"), *field_of(tool, "input_schema"), strict});
  }
  const Json* choice = field_of(request, "tool_choice");
  if (choice == nullptr) return {};
  using Kind = ToolChoice::Kind;
  const std::string type = text_of(*choice, "type");
  if (type == "auto") {
    out.tool_choice = ToolChoice{Kind::automatic, ""};
  } else if (type == "none") {
    out.tool_choice = ToolChoice{Kind::none, ""};
  } else if (type == "any") {
    out.tool_choice = ToolChoice{Kind::required, ""};
  } else if (type == "tool") {
    out.tool_choice = ToolChoice{Kind::one, text_of(*choice, "name")};
  } else {
    return cannot_translate("tool_choice", to_text(*choice));
  }
  ACLOUD_TRY(const auto alone, read_bool(*choice, "disable_parallel_tool_use", "tool_choice"));
  if (alone) out.parallel_tools = !*alone;
  return {};
}

// `thinking` says whether and how far to think: a provider of another dialect decides that by itself, or by
// the effort.
Result<> read_anthropic_output(const Json& request, Conversation& out) {
  if (const Json* thinking = field_of(request, "thinking")) {
    const std::string type = text_of(*thinking, "type");
    if (type != "enabled" && type != "disabled" && type != "adaptive") {
      return cannot_translate("thinking", fmt::format("the type \"{}\"", type));
    }
  }
  const Json* output = field_of(request, "output_config");
  if (output == nullptr) return {};
  ACLOUD_CHECK(only_fields(*output, "output_config", {"effort", "format"}));
  out.effort = text_of(*output, "effort");
  const Json* format = field_of(*output, "format");
  if (format == nullptr) return {};
  if (text_of(*format, "type") != "json_schema" || field_of(*format, "schema") == nullptr) {
    return cannot_translate("output_config.format", to_text(*format));
  }
  out.output_schema = OutputSchema{"answer", *field_of(*format, "schema"), true};
  return {};
}

}  // namespace

Result<Conversation> read_anthropic(const Json& request) {
  // Without effect on the answer's meaning: service_tier, and context_management, which trims what the
  // provider would have to read again.
  ACLOUD_CHECK(
      only_fields(request, "",
                  {"model", "system", "messages", "tools", "tool_choice", "max_tokens", "temperature",
                   "top_p", "top_k", "stop_sequences", "stream", "metadata", "thinking", "output_config",
                   "service_tier", "context_management", "cache_control", "diagnostics"}));
  Conversation out;
  ACLOUD_CHECK(read_messages(request, out));
  ACLOUD_CHECK(read_anthropic_tools(request, out));
  ACLOUD_CHECK(read_anthropic_output(request, out));
  ACLOUD_TRY(out.max_tokens, read_integer(request, "max_tokens", ""));
  ACLOUD_TRY(out.temperature, read_number(request, "temperature", ""));
  ACLOUD_TRY(out.top_p, read_number(request, "top_p", ""));
  ACLOUD_TRY(out.top_k, read_integer(request, "top_k", ""));
  ACLOUD_TRY(out.stop, read_texts(request, "stop_sequences"));
  ACLOUD_TRY(const auto stream, read_bool(request, "stream", ""));
  out.stream = stream.value_or(false);
  if (const Json* metadata = field_of(request, "metadata")) out.user = text_of(*metadata, "user_id");
  return out;
}

namespace {

Json write_image(const ImagePart& image) {
  if (!image.url.empty()) return {{"type", "image"}, {"source", {{"type", "url"}, {"url", image.url}}}};
  return {{"type", "image"},
          {"source", {{"type", "base64"}, {"media_type", image.media_type}, {"data", image.data}}}};
}

Json write_text(const std::string& text) { return {{"type", "text"}, {"text", text}}; }

Json write_tool_result(const ToolResultPart& result) {
  Json content = Json::array();
  for (const auto& part : result.content) {
    const auto* text = std::get_if<TextPart>(&part);
    content.push_back(text != nullptr ? write_text(text->text) : write_image(std::get<ImagePart>(part)));
  }
  Json written = {{"type", "tool_result"}, {"tool_use_id", result.id}, {"content", std::move(content)}};
  if (result.is_error) written["is_error"] = true;
  return written;
}

Result<> write_part(const Part& part, const std::string& where, Json& content) {
  if (const auto* text = std::get_if<TextPart>(&part)) {
    if (!text->text.empty()) content.push_back(write_text(text->text));  // the dialect refuses empty text
  } else if (const auto* image = std::get_if<ImagePart>(&part)) {
    content.push_back(write_image(*image));
  } else if (const auto* call = std::get_if<ToolUsePart>(&part)) {
    const auto input = parse_json(call->arguments.empty() ? "{}" : call->arguments);
    if (!input || !input->is_object()) return wrong_part(at(where, "arguments"), "a JSON object as text");
    content.push_back({{"type", "tool_use"}, {"id", call->id}, {"name", call->name}, {"input", *input}});
  } else if (const auto* result = std::get_if<ToolResultPart>(&part)) {
    content.push_back(write_tool_result(*result));
  } else if (const auto* thought = std::get_if<ReasoningPart>(&part); !thought->signature.empty()) {
    content.push_back({{"type", "thinking"}, {"thinking", thought->text}, {"signature", thought->signature}});
  }
  // Reasoning without a signature is not taken back; the dialect lets it be left out of former turns.
  return {};
}

Result<> write_messages(const Conversation& from, Json& out) {
  Json messages = Json::array();
  for (std::size_t i = 0; i < from.messages.size(); ++i) {
    const Message& message = from.messages[i];
    Json content = Json::array();
    for (const Part& part : message.parts) ACLOUD_CHECK(write_part(part, at("messages", i), content));
    if (content.empty()) continue;
    // Instructions before the first turn are the system's; later ones stay where they stand.
    if (message.role == Role::system && messages.empty()) {
      for (Json& part : content) out["system"].push_back(std::move(part));
      continue;
    }
    static constexpr const char* kRoles[] = {"system", "user", "assistant"};
    const char* role = kRoles[static_cast<int>(message.role)];
    if (!messages.empty() && messages.back()["role"] == role) {
      for (Json& part : content) messages.back()["content"].push_back(std::move(part));
    } else {
      messages.push_back({{"role", role}, {"content", std::move(content)}});
    }
  }
  out["messages"] = std::move(messages);
  return {};
}

void write_anthropic_tools(const Conversation& from, Json& out) {
  for (const Tool& tool : from.tools) {
    Json written = {{"name", tool.name}, {"input_schema", tool.parameters}};
    if (!tool.description.empty()) written["description"] = tool.description;
    if (tool.strict) written["strict"] = *tool.strict;
    out["tools"].push_back(std::move(written));
  }
  const bool alone = from.parallel_tools && !*from.parallel_tools && !from.tools.empty();
  if (!from.tool_choice && !alone) return;
  static constexpr const char* kChoices[] = {"auto", "none", "any", "tool"};
  const ToolChoice choice = from.tool_choice.value_or(ToolChoice{});
  Json written = {{"type", kChoices[static_cast<int>(choice.kind)]}};
  if (choice.kind == ToolChoice::Kind::one) written["name"] = choice.name;
  if (alone && choice.kind != ToolChoice::Kind::none) written["disable_parallel_tool_use"] = true;
  out["tool_choice"] = std::move(written);
}

}  // namespace

Result<Json> write_anthropic(const Conversation& from, const std::string& model) {
  for (const auto& [name, value] : from.only_openai.items()) {
    const bool same_as_none = (name == "n" && value == 1) || (name == "logprobs" && value == false) ||
                              (name.ends_with("_penalty") && value == 0) ||
                              (name == "modalities" && value == Json::array({"text"}));
    if (!same_as_none) return cannot_translate(name, "this field");
  }
  if (from.any_json) return cannot_translate("response_format", "\"json_object\" without a schema");
  if (from.temperature.value_or(0) > 1) return cannot_translate("temperature", "a value above 1");
  Json out = {{"model", model}, {"max_tokens", from.max_tokens.value_or(kMaxTokens)}};
  ACLOUD_CHECK(write_messages(from, out));
  write_anthropic_tools(from, out);
  if (from.temperature) out["temperature"] = *from.temperature;
  if (from.top_p) out["top_p"] = *from.top_p;
  if (from.top_k) out["top_k"] = *from.top_k;
  if (!from.stop.empty()) out["stop_sequences"] = from.stop;
  if (from.output_schema) {
    out["output_config"]["format"] = {{"type", "json_schema"}, {"schema", from.output_schema->schema}};
  }
  if (from.effort == "low" || from.effort == "medium" || from.effort == "high") {
    out["output_config"]["effort"] = from.effort;
  } else if (!from.effort.empty() && from.effort != "none" && from.effort != "minimal") {
    return cannot_translate("reasoning_effort", fmt::format("\"{}\"", from.effort));
  }
  if (!from.user.empty()) out["metadata"] = {{"user_id", from.user}};
  if (from.stream) out["stream"] = true;
  return out;
}

}  // namespace acloud::model
