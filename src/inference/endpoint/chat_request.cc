#include "inference/endpoint/chat_request.h"

#include <cmath>

namespace acloud::inference {
namespace {

constexpr std::size_t kMostMessages = 100'000;
constexpr std::size_t kMostInputs = 2048;  // as OpenAI has it

std::unexpected<Error> wrong(std::string_view field, std::string_view wanted, const Json& got) {
  std::string shown = to_text(got);
  if (shown.size() > 100) shown = shown.substr(0, 100) + "...";
  return std::unexpected(
      Error(ErrorCode::invalid_argument, fmt::format("{}: must be {}, not {}", field, wanted, shown))
          .with_detail("field", std::string(field)));
}

// The body with names in their order. Json sorts them, but a model was trained to read and say the arguments
// of a tool in the order in which its schema has them, and a grammar that is made of the schema holds it to
// that order.
class Ordered {
 public:
  // REQUIRES: `body` was parsed before.
  explicit Ordered(std::string_view body) : body_(OrderedJson::parse(body)) {}
  // The text at `path`, which is there.
  std::string text(std::initializer_list<const char*> path) const {
    const OrderedJson* value = &body_;
    for (const char* name : path) value = &value->at(name);
    return value->dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  }
  const OrderedJson& tools() const { return body_.at("tools"); }

 private:
  OrderedJson body_;
};

// The value of `name`; null where it is not there.
const Json& at(const Json& object, const char* name) {
  static const Json kNull;
  const auto found = object.find(name);
  return found == object.end() ? kNull : *found;
}

Result<> read(const Json& object, const char* name, bool& to) {
  const Json& value = at(object, name);
  if (value.is_null()) return {};
  if (!value.is_boolean()) return wrong(name, "true or false", value);
  to = value.get<bool>();
  return {};
}

Result<> read(const Json& object, const char* name, float& to) {
  const Json& value = at(object, name);
  if (value.is_null()) return {};
  if (!value.is_number()) return wrong(name, "a number", value);
  to = value.get<float>();
  return {};
}

// Whole numbers of 32 bits.
Result<std::optional<std::int64_t>> whole(const Json& object, const char* name, std::int64_t low,
                                          std::int64_t high) {
  const Json& value = at(object, name);
  if (value.is_null()) return std::nullopt;
  if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<std::uint64_t>() > 1ULL << 62U))
    return wrong(name, "a whole number", value);
  const auto number = value.get<std::int64_t>();
  if (number < low || number > high) return wrong(name, fmt::format("between {} and {}", low, high), value);
  return number;
}

Result<> read_sampling(const Json& body, Sampling& to) {
  ACLOUD_CHECK(read(body, "temperature", to.temperature));
  ACLOUD_CHECK(read(body, "top_p", to.top_p));
  ACLOUD_CHECK(read(body, "min_p", to.min_p));
  ACLOUD_CHECK(read(body, "repeat_penalty", to.repeat_penalty));
  ACLOUD_CHECK(read(body, "frequency_penalty", to.frequency_penalty));
  ACLOUD_CHECK(read(body, "presence_penalty", to.presence_penalty));
  ACLOUD_TRY(const auto top_k, whole(body, "top_k", 0, 1 << 24));
  if (top_k) to.top_k = static_cast<std::int32_t>(*top_k);
  ACLOUD_TRY(const auto seed, whole(body, "seed", std::numeric_limits<std::int64_t>::min(),
                                    std::numeric_limits<std::int64_t>::max()));
  if (seed) to.seed = static_cast<std::uint32_t>(*seed);
  bool logprobs = false;
  ACLOUD_CHECK(read(body, "logprobs", logprobs));
  ACLOUD_TRY(const auto top, whole(body, "top_logprobs", 0, 20));
  if (logprobs) to.logprobs = static_cast<std::int32_t>(top.value_or(0));
  const Json& bias = at(body, "logit_bias");
  if (bias.is_null()) return {};
  if (!bias.is_object() || bias.size() > 1024)
    return wrong("logit_bias", "an object of 1024 tokens at most", bias);
  for (const auto& [token, value] : bias.items()) {
    char* end = nullptr;
    const long number = std::strtol(token.c_str(), &end, 10);
    if (token.empty() || *end != '\0' || number < 0 || number > std::numeric_limits<Token>::max() ||
        !value.is_number())
      return wrong("logit_bias", "numbers by tokens", bias);
    to.bias.emplace_back(static_cast<Token>(number), value.get<float>());
  }
  return {};
}

Result<> read_stops(const Json& body, std::vector<std::string>& to) {
  const Json& stop = at(body, "stop");
  if (stop.is_null()) return {};
  if (stop.is_string()) {
    to.push_back(stop.get<std::string>());
    return {};
  }
  if (!stop.is_array()) return wrong("stop", "a string or a list of them", stop);
  for (const Json& item : stop) {
    if (!item.is_string()) return wrong("stop", "a string or a list of them", item);
    to.push_back(item.get<std::string>());
  }
  return {};
}

Result<> read_format(const Json& body, const Ordered& ordered, ChatRequest& to) {
  const Json& format = at(body, "response_format");
  if (format.is_null()) return {};
  const Json& type = format.is_object() ? at(format, "type") : format;
  if (type == "text") return {};
  if (type == "json_object") {
    const Json& schema = at(format, "schema");
    to.schema_json =
        schema.is_object() ? ordered.text({"response_format", "schema"}) : R"({"type":"object"})";
    return {};
  }
  if (type != "json_schema") return wrong("response_format.type", "text, json_object or json_schema", type);
  const Json& outer = at(format, "json_schema");
  const Json& schema = outer.is_object() ? at(outer, "schema") : outer;
  if (!schema.is_object()) return wrong("response_format.json_schema.schema", "a JSON Schema", schema);
  to.schema_json = ordered.text({"response_format", "json_schema", "schema"});
  return {};
}

// Of the tools, those that the choice leaves.
Result<> read_tools(const Json& body, const Ordered& ordered, ChatRequest& to) {
  const Json& tools = at(body, "tools");
  const Json& choice = at(body, "tool_choice");
  if (tools.is_null() || (tools.is_array() && tools.empty())) return {};
  if (!tools.is_array()) return wrong("tools", "a list", tools);
  ACLOUD_CHECK(read(body, "parallel_tool_calls", to.parallel_tool_calls));
  to.tools_json = ordered.text({"tools"});
  if (choice.is_null() || choice == "auto") return {};
  if (choice == "none") {
    to.tool_choice = ToolChoice::none;
  } else if (choice == "required") {
    to.tool_choice = ToolChoice::required;
  } else {
    const Json& function = choice.is_object() ? at(choice, "function") : choice;
    const Json& name = function.is_object() ? at(function, "name") : function;
    if (!choice.is_object() || !name.is_string())
      return wrong("tool_choice", "auto, none, required or a function", choice);
    OrderedJson chosen = OrderedJson::array();
    for (std::size_t i = 0; i < tools.size(); ++i) {
      const Json& listed = tools[i].is_object() ? at(tools[i], "function") : tools[i];
      if (listed.is_object() && at(listed, "name") == name) chosen.push_back(ordered.tools()[i]);
    }
    if (chosen.empty()) return wrong("tool_choice", "a function of the list", choice);
    to.tools_json = chosen.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
    to.tool_choice = ToolChoice::required;
  }
  return {};
}

Result<Json> read_object(std::string_view body) {
  ACLOUD_TRY(Json parsed, parse_json(body));
  if (!parsed.is_object()) return wrong("the body", "an object", parsed);
  if (!at(parsed, "model").is_string()) return wrong("model", "a name", at(parsed, "model"));
  return parsed;
}

Result<> read_chat(const Json& body, const Ordered& ordered, ChatRequest& to) {
  const Json& messages = at(body, "messages");
  if (!messages.is_array() || messages.empty() || messages.size() > kMostMessages)
    return wrong("messages", fmt::format("a list of 1 to {}", kMostMessages), messages);
  to.messages_json = ordered.text({"messages"});
  to.thinking = at(body, "reasoning_effort") != "none";
  ACLOUD_CHECK(read_tools(body, ordered, to));
  ACLOUD_CHECK(read_format(body, ordered, to));
  const Json& grammar = at(body, "grammar");
  if (grammar.is_null()) return {};
  if (!grammar.is_string()) return wrong("grammar", "a string", grammar);
  if (!to.tools_json.empty() || !to.schema_json.empty())
    return fail(ErrorCode::invalid_argument, "grammar: not together with tools or response_format");
  to.grammar = grammar.get<std::string>();
  return {};
}

}  // namespace

Result<std::string> model_of(std::string_view body) {
  ACLOUD_TRY(const Json parsed, read_object(body));
  return parsed["model"].get<std::string>();
}

Result<ChatCall> read_chat_call(std::string_view body_text, const SamplingDefaults& defaults,
                                std::uint32_t seed) {
  ACLOUD_TRY(const Json body, read_object(body_text));
  ChatCall call;
  call.model = body["model"].get<std::string>();
  Sampling& sampling = call.generate.sampling;
  sampling = {.temperature = defaults.temperature,
              .top_k = defaults.top_k,
              .top_p = defaults.top_p,
              .min_p = defaults.min_p,
              .seed = seed};
  ACLOUD_CHECK(read_chat(body, Ordered(body_text), call.generate.chat.emplace()));
  ACLOUD_CHECK(read_sampling(body, sampling));
  ACLOUD_CHECK(read_stops(body, call.generate.stops));
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  ACLOUD_TRY(const auto older, whole(body, "max_tokens", 1, kMost));
  ACLOUD_TRY(const auto most, whole(body, "max_completion_tokens", 1, kMost));
  if (most || older) call.generate.most_tokens = static_cast<std::int32_t>(most ? *most : *older);
  ACLOUD_TRY(const auto count, whole(body, "n", 1, 1));
  (void)count;
  ACLOUD_CHECK(read(body, "stream", call.stream));
  const Json& options = at(body, "stream_options");
  if (options.is_object()) ACLOUD_CHECK(read(options, "include_usage", call.include_usage));
  return call;
}

Result<EmbedCall> read_embed_call(std::string_view body_text) {
  ACLOUD_TRY(const Json body, read_object(body_text));
  EmbedCall call;
  call.model = body["model"].get<std::string>();
  const Json& format = at(body, "encoding_format");
  if (!format.is_null() && format != "float" && format != "base64")
    return wrong("encoding_format", "float or base64", format);
  call.base64 = format == "base64";
  const Json& dimensions = at(body, "dimensions");
  if (!dimensions.is_null()) {
    if (!dimensions.is_number_integer()) return wrong("dimensions", "a whole number", dimensions);
    call.dimensions = dimensions.get<std::int64_t>();
  }
  const Json& input = at(body, "input");
  if (input.is_string()) {
    call.inputs.push_back(input.get<std::string>());
    return call;
  }
  if (!input.is_array() || input.empty() || input.size() > kMostInputs)
    return wrong("input", fmt::format("a text or a list of 1 to {}", kMostInputs), input);
  for (const Json& item : input) {
    if (!item.is_string()) return wrong("input", "a text or a list of texts", item);
    call.inputs.push_back(item.get<std::string>());
  }
  return call;
}

}  // namespace acloud::inference
