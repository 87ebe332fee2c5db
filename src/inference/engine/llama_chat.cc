// Chats as the template in the model's file has them.
#include <json-schema-to-grammar.h>

#include "inference/engine/llama_engine.h"

namespace acloud::inference {
namespace {

class LlamaReplyReader final : public ReplyReader {
 public:
  explicit LlamaReplyReader(common_chat_parser_params params) : params_(std::move(params)) {}

  Result<ChatReply> read(std::string_view text, bool partial) const override {
    try {
      common_chat_msg message = common_chat_parse(std::string(text), partial, params_);
      ChatReply reply;
      reply.content = std::move(message.content);
      reply.reasoning = std::move(message.reasoning_content);
      for (common_chat_tool_call& call : message.tool_calls)
        reply.tool_calls.push_back({std::move(call.id), std::move(call.name), std::move(call.arguments)});
      return reply;
    } catch (const std::exception& error) {
      return fail(ErrorCode::invalid_argument, "the reply is not in the model's form: {}", error.what());
    }
  }

 private:
  common_chat_parser_params params_;
};

common_chat_tool_choice choice_of(ToolChoice choice) {
  switch (choice) {
    case ToolChoice::required:
      return COMMON_CHAT_TOOL_CHOICE_REQUIRED;
    case ToolChoice::none:
      return COMMON_CHAT_TOOL_CHOICE_NONE;
    case ToolChoice::automatic:
      break;
  }
  return COMMON_CHAT_TOOL_CHOICE_AUTO;
}

common_chat_templates_inputs inputs_of(const ChatRequest& request) {
  common_chat_templates_inputs inputs;
  inputs.messages = common_chat_msgs_parse_oaicompat(common_json::parse(request.messages_json));
  if (!request.tools_json.empty())
    inputs.tools = common_chat_tools_parse_oaicompat(common_json::parse(request.tools_json));
  inputs.tool_choice = choice_of(request.tool_choice);
  inputs.parallel_tool_calls = request.parallel_tool_calls;
  inputs.json_schema = request.schema_json;
  inputs.grammar = request.grammar;
  inputs.reasoning_format = COMMON_REASONING_FORMAT_AUTO;
  inputs.enable_thinking = request.thinking;
  return inputs;
}

Constraint constraint_of(common_chat_params& params, const ChatRequest& request) {
  Constraint constraint;
  constraint.preserved = std::move(params.preserved_tokens);
  using enum Constraint::Source;
  // A template does not always hand back the grammar that it was given.
  if (!request.grammar.empty()) {
    constraint.source = caller;
    constraint.grammar = request.grammar;
    return constraint;
  }
  if (params.grammar.empty()) return constraint;
  constraint.source = request.tools_json.empty() ? schema : tools;
  constraint.grammar = std::move(params.grammar);
  constraint.lazy = params.grammar_lazy;
  constraint.begun = params.generation_prompt;
  for (common_grammar_trigger& trigger : params.grammar_triggers) {
    constraint.triggers.push_back(
        {static_cast<std::int32_t>(trigger.type), std::move(trigger.value), trigger.token});
  }
  return constraint;
}

}  // namespace

Result<ChatPrompt> LlamaEngine::render(const ChatRequest& request) const {
  if (!templates_) {
    return fail(ErrorCode::invalid_argument, "{} has no chat template: ask it to continue a text instead",
                options_.file);
  }
  try {
    common_chat_params params = common_chat_templates_apply(templates_.get(), inputs_of(request));
    common_chat_parser_params reading(params);
    reading.reasoning_format = COMMON_REASONING_FORMAT_AUTO;
    reading.parse_tool_calls = !request.tools_json.empty() && request.tool_choice != ToolChoice::none;
    if (!params.parser.empty()) reading.parser.load(params.parser);
    ChatPrompt prompt;
    prompt.text = std::move(params.prompt);
    prompt.stops = std::move(params.additional_stops);
    prompt.reader = std::make_shared<LlamaReplyReader>(std::move(reading));
    prompt.constraint = constraint_of(params, request);
    return prompt;
  } catch (const std::exception& error) {
    return fail(ErrorCode::invalid_argument, "the model's chat template does not take this chat: {}",
                error.what());
  }
}

Result<Constraint> LlamaEngine::constrain_to_schema(std::string_view schema_json) const {
  try {
    Constraint constraint;
    constraint.source = Constraint::Source::schema;
    constraint.grammar = json_schema_to_grammar(common_json::parse(std::string(schema_json)));
    return constraint;
  } catch (const std::exception& error) {
    return fail(ErrorCode::invalid_argument, "the JSON Schema can't be kept to: {}", error.what());
  }
}

}  // namespace acloud::inference
