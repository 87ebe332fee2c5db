// Requests of OpenAI's chat completions, read and written.
#include <algorithm>

#include "model/dialect/json_read.h"

namespace acloud::model {
namespace {

// They change nothing in the answer: bookkeeping, hints to caches and queues.
constexpr std::string_view kWithoutEffect[] = {"store",        "metadata",          "prompt_cache_key",
                                               "service_tier", "safety_identifier", "prompt_cache_retention"};
// They have no counterpart in other dialects.
constexpr std::string_view kOnlyOpenAi[] = {"seed",
                                            "presence_penalty",
                                            "frequency_penalty",
                                            "logit_bias",
                                            "logprobs",
                                            "top_logprobs",
                                            "n",
                                            "prediction",
                                            "modalities",
                                            "audio",
                                            "web_search_options",
                                            "verbosity",
                                            "min_p",
                                            "repetition_penalty",
                                            "enable_thinking",
                                            "thinking_budget",
                                            "chat_template_kwargs"};

Result<> read_openai_content(const Json& content, const std::string& where, std::vector<Part>& parts) {
  if (content.is_null()) return {};
  if (content.is_string()) {
    parts.push_back(TextPart{content.get<std::string>()});
    return {};
  }
  if (!content.is_array()) return wrong_part(where, "text or a list of parts");
  for (std::size_t i = 0; i < content.size(); ++i) {
    const Json& part = content[i];
    const std::string type = text_of(part, "type");
    if (type == "text") {
      parts.push_back(TextPart{text_of(part, "text")});
    } else if (type == "refusal") {
      parts.push_back(TextPart{text_of(part, "refusal")});
    } else if (type == "image_url") {
      const Json* image = field_of(part, "image_url");
      if (image == nullptr) return wrong_part(at(where, i), "a part with image_url");
      ACLOUD_TRY(ImagePart read, read_image_url(text_of(*image, "url"), at(at(where, i), "image_url.url")));
      parts.push_back(std::move(read));
    } else {
      return cannot_translate(at(where, i), fmt::format("a part of type \"{}\"", type));
    }
  }
  return {};
}

Result<> read_tool_calls(const Json& message, const std::string& where, std::vector<Part>& parts) {
  const Json* calls = field_of(message, "tool_calls");
  if (calls == nullptr) return {};
  if (!calls->is_array()) return wrong_part(at(where, "tool_calls"), "a list");
  for (std::size_t i = 0; i < calls->size(); ++i) {
    const Json& call = (*calls)[i];
    const Json* function = field_of(call, "function");
    if (function == nullptr)
      return cannot_translate(at(at(where, "tool_calls"), i), "what is no function's call");
    parts.push_back(
        ToolUsePart{text_of(call, "id"), text_of(*function, "name"), text_of(*function, "arguments")});
  }
  return {};
}

Result<> read_tool_message(const Json& message, const std::string& where, Conversation& out) {
  ToolResultPart result{.id = text_of(message, "tool_call_id"), .content = {}};
  std::vector<Part> parts;
  if (const Json* content = field_of(message, "content")) {
    ACLOUD_CHECK(read_openai_content(*content, at(where, "content"), parts));
  }
  for (Part& part : parts) {
    if (auto* text = std::get_if<TextPart>(&part)) result.content.emplace_back(std::move(*text));
    if (auto* image = std::get_if<ImagePart>(&part)) result.content.emplace_back(std::move(*image));
  }
  // The results of several calls are one turn.
  if (!out.messages.empty() && out.messages.back().role == Role::user && !out.messages.back().parts.empty() &&
      std::holds_alternative<ToolResultPart>(out.messages.back().parts.back())) {
    out.messages.back().parts.push_back(std::move(result));
  } else {
    out.messages.push_back({Role::user, {std::move(result)}});
  }
  return {};
}

Result<> read_message(const Json& message, const std::string& where, Conversation& out) {
  ACLOUD_CHECK(only_fields(message, where,
                           {"role", "content", "name", "tool_calls", "tool_call_id", "reasoning_content",
                            "reasoning", "refusal", "annotations", "cache_control"}));
  const std::string role = text_of(message, "role");
  if (role == "tool") return read_tool_message(message, where, out);
  Message read;
  if (role == "system" || role == "developer") {
    read.role = Role::system;
  } else if (role == "assistant") {
    read.role = Role::assistant;
    for (const char* name : {"reasoning_content", "reasoning"}) {
      if (std::string text = text_of(message, name); !text.empty()) {
        read.parts.push_back(ReasoningPart{std::move(text), ""});
        break;
      }
    }
  } else if (role != "user") {
    return cannot_translate(at(where, "role"), fmt::format("the role \"{}\"", role));
  }
  if (const Json* content = field_of(message, "content")) {
    ACLOUD_CHECK(read_openai_content(*content, at(where, "content"), read.parts));
  }
  ACLOUD_CHECK(read_tool_calls(message, where, read.parts));
  out.messages.push_back(std::move(read));
  return {};
}

Result<> read_openai_tools(const Json& request, Conversation& out) {
  const Json* tools = field_of(request, "tools");
  for (std::size_t i = 0; tools != nullptr && i < tools->size(); ++i) {
    const Json& tool = tools->is_array() ? (*tools)[i] : *tools;
    const Json* function = field_of(tool, "function");
    if (text_of(tool, "type") != "function" || function == nullptr) {
      return cannot_translate(at("tools", i), fmt::format("a tool of type \"{}\"", text_of(tool, "type")));
    }
    ACLOUD_CHECK(only_fields(*function, at(at("tools", i), "function"),
                             {"name", "description", "parameters", "strict"}));
    const Json* parameters = field_of(*function, "parameters");
    ACLOUD_TRY(const auto strict, read_bool(*function, "strict", at("tools", i)));
    out.tools.push_back(
        {text_of(*function, "name"), text_of(*function, "description"),
         parameters == nullptr ? Json{{"type", "object"}, {"properties", Json::object()}} : *parameters,
         strict});
  }
  ACLOUD_TRY(out.parallel_tools, read_bool(request, "parallel_tool_calls", ""));
  const Json* choice = field_of(request, "tool_choice");
  if (choice == nullptr) return {};
  using Kind = ToolChoice::Kind;
  if (*choice == "auto") {
    out.tool_choice = ToolChoice{Kind::automatic, ""};
  } else if (*choice == "none") {
    out.tool_choice = ToolChoice{Kind::none, ""};
  } else if (*choice == "required") {
    out.tool_choice = ToolChoice{Kind::required, ""};
  } else if (const Json* function = field_of(*choice, "function")) {
    out.tool_choice = ToolChoice{Kind::one, text_of(*function, "name")};
  } else {
    return cannot_translate("tool_choice", to_text(*choice));
  }
  return {};
}

Result<> read_format(const Json& request, Conversation& out) {
  const Json* format = field_of(request, "response_format");
  if (format == nullptr) return {};
  const std::string type = text_of(*format, "type");
  if (type == "text") return {};
  if (type == "json_object") {
    out.any_json = true;
    return {};
  }
  const Json* schema = field_of(*format, "json_schema");
  if (type != "json_schema" || schema == nullptr || field_of(*schema, "schema") == nullptr) {
    return cannot_translate("response_format", fmt::format("the type \"{}\"", type));
  }
  ACLOUD_TRY(const auto strict, read_bool(*schema, "strict", "response_format.json_schema"));
  out.output_schema = OutputSchema{text_of(*schema, "name"), *field_of(*schema, "schema"), strict};
  return {};
}

Result<> read_settings(const Json& request, Conversation& out) {
  ACLOUD_TRY(out.max_tokens, read_integer(request, "max_completion_tokens", ""));
  if (!out.max_tokens) {
    ACLOUD_TRY(out.max_tokens, read_integer(request, "max_tokens", ""));
  }
  ACLOUD_TRY(out.temperature, read_number(request, "temperature", ""));
  ACLOUD_TRY(out.top_p, read_number(request, "top_p", ""));
  ACLOUD_TRY(out.top_k, read_integer(request, "top_k", ""));
  ACLOUD_TRY(out.stop, read_texts(request, "stop"));
  ACLOUD_TRY(const auto stream, read_bool(request, "stream", ""));
  out.stream = stream.value_or(false);
  out.effort = text_of(request, "reasoning_effort");
  out.user = text_of(request, "user");
  return {};
}

}  // namespace

Result<Conversation> read_openai(const Json& request) {
  Conversation out;
  const Json* messages = field_of(request, "messages");
  if (messages == nullptr || !messages->is_array()) return wrong_part("messages", "a list");
  for (std::size_t i = 0; i < messages->size(); ++i) {
    ACLOUD_CHECK(read_message((*messages)[i], at("messages", i), out));
  }
  ACLOUD_CHECK(read_openai_tools(request, out));
  ACLOUD_CHECK(read_format(request, out));
  ACLOUD_CHECK(read_settings(request, out));
  Json rest = request;
  for (const char* known : {"model", "messages", "tools", "parallel_tool_calls", "tool_choice",
                            "response_format", "max_completion_tokens", "max_tokens", "temperature", "top_p",
                            "top_k", "stop", "stream", "stream_options", "reasoning_effort", "user"}) {
    rest.erase(known);
  }
  for (const std::string_view known : kWithoutEffect) rest.erase(std::string(known));
  for (const std::string_view known : kOnlyOpenAi) {
    if (const Json* found = field_of(rest, std::string(known).c_str()))
      out.only_openai[std::string(known)] = *found;
    rest.erase(std::string(known));
  }
  ACLOUD_CHECK(only_fields(rest, "", {}));
  return out;
}

}  // namespace acloud::model
