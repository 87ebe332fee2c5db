// Requests of OpenAI's Responses, read. They are not written: a provider that speaks it gets them as they
// came.
#include "model/dialect/json_read.h"

namespace acloud::model {
namespace {

Result<> read_responses_content(const Json& content, const std::string& where, std::vector<Part>& parts) {
  if (content.is_string()) {
    parts.push_back(TextPart{content.get<std::string>()});
    return {};
  }
  if (!content.is_array()) return wrong_part(where, "text or a list of parts");
  for (std::size_t i = 0; i < content.size(); ++i) {
    const std::string type = text_of(content[i], "type");
    if (type == "input_text" || type == "output_text" || type == "text") {
      parts.push_back(TextPart{text_of(content[i], "text")});
    } else if (type == "refusal") {
      parts.push_back(TextPart{text_of(content[i], "refusal")});
    } else if (type == "input_image" && !text_of(content[i], "image_url").empty()) {
      ACLOUD_TRY(ImagePart image, read_image_url(text_of(content[i], "image_url"), at(where, i)));
      parts.push_back(std::move(image));
    } else {
      return cannot_translate(at(where, i), fmt::format("a part of type \"{}\"", type));
    }
  }
  return {};
}

// The answer's parts are one message, though each is an item of its own.
void add(Conversation& out, Role role, Part part, bool is_result) {
  const bool goes_on =
      !out.messages.empty() && out.messages.back().role == role && (role == Role::assistant || is_result);
  if (!goes_on) out.messages.push_back({role, {}});
  out.messages.back().parts.push_back(std::move(part));
}

Result<> read_input_message(const Json& item, const std::string& where, Conversation& out) {
  const std::string role = text_of(item, "role");
  const Json* content = field_of(item, "content");
  if (content == nullptr) return wrong_part(at(where, "content"), "text or a list of parts");
  std::vector<Part> parts;
  ACLOUD_CHECK(read_responses_content(*content, at(where, "content"), parts));
  if (role == "system" || role == "developer") {
    out.messages.push_back({Role::system, std::move(parts)});
  } else if (role == "user") {
    out.messages.push_back({Role::user, std::move(parts)});
  } else if (role == "assistant") {
    for (Part& part : parts) add(out, Role::assistant, std::move(part), false);
  } else {
    return cannot_translate(at(where, "role"), fmt::format("the role \"{}\"", role));
  }
  return {};
}

Result<> read_result(const Json& item, const std::string& where, Conversation& out) {
  ToolResultPart result{.id = text_of(item, "call_id"), .content = {}};
  std::vector<Part> parts;
  if (const Json* output = field_of(item, "output")) {
    ACLOUD_CHECK(read_responses_content(*output, at(where, "output"), parts));
  }
  for (Part& part : parts) {
    if (auto* text = std::get_if<TextPart>(&part)) result.content.emplace_back(std::move(*text));
    if (auto* image = std::get_if<ImagePart>(&part)) result.content.emplace_back(std::move(*image));
  }
  const bool after_result = !out.messages.empty() && !out.messages.back().parts.empty() &&
                            std::holds_alternative<ToolResultPart>(out.messages.back().parts.back());
  add(out, Role::user, std::move(result), after_result);
  return {};
}

Result<> read_item(const Json& item, const std::string& where, Conversation& out) {
  const std::string type = text_of(item, "type");
  if (type == "message" || (type.empty() && field_of(item, "role") != nullptr))
    return read_input_message(item, where, out);
  if (type == "function_call") {
    const std::string space = text_of(item, "namespace");
    const std::string name = (space.empty() ? "" : space + "__") + text_of(item, "name");
    add(out, Role::assistant, ToolUsePart{text_of(item, "call_id"), name, text_of(item, "arguments")}, false);
    return {};
  }
  if (type == "function_call_output") return read_result(item, where, out);
  if (type == "reasoning") {
    std::string text;
    const Json* content = field_of(item, "content");
    for (std::size_t i = 0; content != nullptr && content->is_array() && i < content->size(); ++i) {
      text += text_of((*content)[i], "text");
    }
    if (!text.empty()) add(out, Role::assistant, ReasoningPart{std::move(text), ""}, false);
    return {};
  }
  return cannot_translate(where, fmt::format("an item of type \"{}\"", type));
}

Result<> read_function(const Json& tool, const std::string& where, const std::string& space,
                       Conversation& out) {
  ACLOUD_CHECK(only_fields(tool, where, {"type", "name", "description", "parameters", "strict"}));
  const Json* parameters = field_of(tool, "parameters");
  ACLOUD_TRY(const auto strict, read_bool(tool, "strict", where));
  out.tools.push_back(
      {(space.empty() ? "" : space + "__") + text_of(tool, "name"), text_of(tool, "description"),
       parameters == nullptr ? Json{{"type", "object"}, {"properties", Json::object()}} : *parameters,
       strict});
  return {};
}

Result<> read_tool(const Json& tool, const std::string& where, const std::string& space, Conversation& out) {
  const std::string type = text_of(tool, "type");
  if (type == "function") return read_function(tool, where, space, out);
  const Json* inner = field_of(tool, "tools");
  if (type == "namespace" && space.empty() && inner != nullptr && inner->is_array()) {
    const std::string name = text_of(tool, "name");
    if (name.empty()) return wrong_part(at(where, "name"), "a name");
    for (std::size_t i = 0; i < inner->size(); ++i) {
      ACLOUD_CHECK(read_tool((*inner)[i], at(at(where, "tools"), i), name, out));
    }
    out.namespaces.push_back(name);
    return {};
  }
  // Searching is offered by clients unasked, done by the provider, and nothing that an answer could not do
  // without.
  if (type == "web_search" || type == "web_search_preview") {
    out.left_out.push_back(fmt::format("{} ({})", where, type));
    return {};
  }
  return cannot_translate(where, fmt::format("a tool of type \"{}\"", type));
}

Result<> read_responses_tools(const Json& request, Conversation& out) {
  const Json* tools = field_of(request, "tools");
  if (tools != nullptr && !tools->is_array()) return wrong_part("tools", "a list");
  for (std::size_t i = 0; tools != nullptr && i < tools->size(); ++i) {
    ACLOUD_CHECK(read_tool((*tools)[i], at("tools", i), "", out));
  }
  ACLOUD_TRY(out.parallel_tools, read_bool(request, "parallel_tool_calls", ""));
  const Json* choice = field_of(request, "tool_choice");
  if (choice == nullptr) return {};
  using Kind = ToolChoice::Kind;
  if (*choice == "auto" || *choice == "none" || *choice == "required") {
    out.tool_choice = ToolChoice{*choice == "auto"   ? Kind::automatic
                                 : *choice == "none" ? Kind::none
                                                     : Kind::required,
                                 ""};
  } else if (text_of(*choice, "type") == "function") {
    out.tool_choice = ToolChoice{Kind::one, text_of(*choice, "name")};
  } else {
    return cannot_translate("tool_choice", to_text(*choice));
  }
  return {};
}

Result<> read_responses_output(const Json& request, Conversation& out) {
  if (const Json* reasoning = field_of(request, "reasoning")) out.effort = text_of(*reasoning, "effort");
  const Json* text = field_of(request, "text");
  if (text == nullptr) return {};
  ACLOUD_CHECK(only_fields(*text, "text", {"format", "verbosity"}));
  if (const Json* verbosity = field_of(*text, "verbosity")) out.only_openai["verbosity"] = *verbosity;
  const Json* format = field_of(*text, "format");
  if (format == nullptr || text_of(*format, "type") == "text") return {};
  if (text_of(*format, "type") == "json_object") {
    out.any_json = true;
    return {};
  }
  if (text_of(*format, "type") != "json_schema" || field_of(*format, "schema") == nullptr) {
    return cannot_translate("text.format", to_text(*format));
  }
  ACLOUD_TRY(const auto strict, read_bool(*format, "strict", "text.format"));
  out.output_schema = OutputSchema{text_of(*format, "name"), *field_of(*format, "schema"), strict};
  return {};
}

}  // namespace

Result<Conversation> read_responses(const Json& request) {
  // Without effect on the answer: store, metadata, include and the like. Nothing is stored here.
  ACLOUD_CHECK(only_fields(request, "",
                           {"model",
                            "input",
                            "instructions",
                            "tools",
                            "tool_choice",
                            "parallel_tool_calls",
                            "max_output_tokens",
                            "temperature",
                            "top_p",
                            "stream",
                            "reasoning",
                            "text",
                            "store",
                            "metadata",
                            "include",
                            "user",
                            "prompt_cache_key",
                            "prompt_cache_retention",
                            "service_tier",
                            "safety_identifier",
                            "client_metadata",
                            "truncation",
                            "stream_options"}));
  Conversation out;
  if (std::string instructions = text_of(request, "instructions"); !instructions.empty()) {
    out.messages.push_back({Role::system, {TextPart{std::move(instructions)}}});
  }
  const Json* input = field_of(request, "input");
  if (input == nullptr || !(input->is_string() || input->is_array()))
    return wrong_part("input", "text or a list");
  if (input->is_string()) out.messages.push_back({Role::user, {TextPart{input->get<std::string>()}}});
  for (std::size_t i = 0; input->is_array() && i < input->size(); ++i) {
    ACLOUD_CHECK(read_item((*input)[i], at("input", i), out));
  }
  ACLOUD_CHECK(read_responses_tools(request, out));
  ACLOUD_CHECK(read_responses_output(request, out));
  ACLOUD_TRY(out.max_tokens, read_integer(request, "max_output_tokens", ""));
  ACLOUD_TRY(out.temperature, read_number(request, "temperature", ""));
  ACLOUD_TRY(out.top_p, read_number(request, "top_p", ""));
  ACLOUD_TRY(const auto stream, read_bool(request, "stream", ""));
  out.stream = stream.value_or(false);
  out.user = text_of(request, "user");
  return out;
}

}  // namespace acloud::model
