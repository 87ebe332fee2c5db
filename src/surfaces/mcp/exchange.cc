#include "surfaces/mcp/exchange.h"

namespace acloud::surfaces::mcp {

std::string_view capability_of(std::string_view method) {
  if (method == "elicitation/create") return "elicitation";
  if (method == "sampling/createMessage") return "sampling";
  return "roots";
}

Rpc<> check_capabilities(const Client& client, const OrderedJson& questions) {
  OrderedJson missing = OrderedJson::object();
  for (const auto& [name, question] : questions.items()) {
    const std::string_view needed = capability_of(question["method"].get_ref<const std::string&>());
    if (!client.can(needed)) missing[std::string(needed)] = OrderedJson::object();
  }
  if (missing.empty()) return {};
  return refuse_with(Code::missing_capability,
                     "this needs a client with capabilities that yours does not declare",
                     {{"requiredCapabilities", std::move(missing)}});
}

Rpc<> check_answer(std::string_view name, const OrderedJson& question, const Json& answer) {
  if (!answer.is_object()) return refuse(Code::invalid_params, "inputResponses.{}: must be an object", name);
  const std::string& method = question["method"].get_ref<const std::string&>();
  if (method == "elicitation/create") {
    const Json action = answer.value("action", Json());
    if (action != "accept" && action != "decline" && action != "cancel")
      return refuse(Code::invalid_params, "inputResponses.{}.action: must be accept, decline or cancel",
                    name);
    if (answer.contains("content") && !answer["content"].is_object())
      return refuse(Code::invalid_params, "inputResponses.{}.content: must be an object", name);
  } else if (method == "roots/list") {
    if (!answer.contains("roots") || !answer["roots"].is_array())
      return refuse(Code::invalid_params, "inputResponses.{}.roots: must be a list", name);
  } else if (!answer.contains("content")) {
    return refuse(Code::invalid_params, "inputResponses.{}.content: is missing", name);
  }
  return {};
}

Rpc<Json> answers_at_hand(const Client& client, const OrderedJson& questions) {
  if (const auto able = check_capabilities(client, questions); !able) return std::unexpected(able.error());
  Json answers = Json::object();
  for (const auto& [name, question] : questions.items()) {
    const auto given = client.input_responses.find(name);
    if (!client.input_responses.is_object() || given == client.input_responses.end())
      return refuse_with(Code::input_needed, "the client is asked", {{"inputRequests", questions}});
    if (const auto fits = check_answer(name, question, *given); !fits) return std::unexpected(fits.error());
    answers[name] = *given;
  }
  return answers;
}

std::string log_params(LogLevel level, std::string_view logger, const OrderedJson& data) {
  const OrderedJson params{{"level", name_of(level)}, {"logger", logger}, {"data", data}};
  return params.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

}  // namespace acloud::surfaces::mcp
