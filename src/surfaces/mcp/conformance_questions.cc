// Fixtures that ask the client: in one round, in several, with state.
#include "surfaces/mcp/conformance.h"

namespace acloud::surfaces::mcp {
namespace {

OrderedJson text_field(std::string description = "Text.") {
  return {{"type", "string"}, {"description", std::move(description)}};
}

OrderedJson sampling_question(std::string prompt, int most) {
  return {
      {"method", "sampling/createMessage"},
      {"params",
       {{"messages", OrderedJson::array(
                         {{{"role", "user"}, {"content", {{"type", "text"}, {"text", std::move(prompt)}}}}})},
        {"maxTokens", most}}}};
}

OrderedJson roots_question() { return {{"method", "roots/list"}, {"params", OrderedJson::object()}}; }

OrderedJson name_question() {
  return form_question("What is your name?", {{"name", text_field()}}, OrderedJson::array({"name"}));
}

OrderedJson confirm_question() {
  return form_question("Please confirm", {{"ok", {{"type", "boolean"}}}}, OrderedJson::array({"ok"}));
}

// What a person wrote under `name`; "" where they declined.
std::string said(const Json& answers, const char* question, const char* name) {
  const Json content = answers[question].value("content", Json::object());
  const Json value = content.value(name, Json(""));
  return value.is_string() ? value.get<std::string>() : to_text(value);
}

std::string argument(const Json& arguments, const char* name, const char* otherwise) {
  const Json value = arguments.value(name, Json(otherwise));
  return value.is_string() ? value.get<std::string>() : otherwise;
}

Task<Rpc<std::string>> sampling(Exchange& exchange, Json arguments, Changes&) {
  const auto answers =
      co_await exchange.ask({{"reply", sampling_question(argument(arguments, "prompt", "Hello"), 100)}});
  if (!answers) co_return std::unexpected(answers.error());
  const Json content = (*answers)["reply"]["content"];
  co_return text_result("LLM response: " +
                        (content.is_object() ? to_text(content.value("text", Json(""))) : ""));
}

Task<Rpc<std::string>> fill_in(Exchange& exchange, OrderedJson question, std::string_view begin) {
  const auto answers = co_await exchange.ask({{"form", std::move(question)}});
  if (!answers) co_return std::unexpected(answers.error());
  const Json& answer = (*answers)["form"];
  co_return text_result(fmt::format("{} action={}, content={}", begin, answer["action"].get<std::string>(),
                                    to_text(answer.value("content", Json::object()))));
}

Task<Rpc<std::string>> elicitation(Exchange& exchange, Json arguments, Changes&) {
  return fill_in(exchange,
                 form_question(argument(arguments, "message", "Please answer"),
                               {{"username", text_field("User's response")},
                                {"email", text_field("User's email address")}},
                               OrderedJson::array({"username", "email"})),
                 "User response:");
}

Task<Rpc<std::string>> defaults(Exchange& exchange, Json, Changes&) {
  OrderedJson properties{
      {"name", {{"type", "string"}, {"default", "John Doe"}}},
      {"age", {{"type", "integer"}, {"default", 30}}},
      {"score", {{"type", "number"}, {"default", 95.5}}},
      {"status", {{"type", "string"}, {"enum", {"active", "inactive", "pending"}}, {"default", "active"}}},
      {"verified", {{"type", "boolean"}, {"default", true}}}};
  return fill_in(exchange, form_question("Please check", std::move(properties), OrderedJson::array()),
                 "Elicitation completed:");
}

OrderedJson titled(std::initializer_list<std::pair<const char*, const char*>> options) {
  OrderedJson list = OrderedJson::array();
  for (const auto& [value, title] : options) list.push_back({{"const", value}, {"title", title}});
  return list;
}

Task<Rpc<std::string>> enums(Exchange& exchange, Json, Changes&) {
  OrderedJson properties{
      {"untitledSingle", {{"type", "string"}, {"enum", {"option1", "option2", "option3"}}}},
      {"titledSingle",
       {{"type", "string"},
        {"oneOf",
         titled({{"value1", "First Option"}, {"value2", "Second Option"}, {"value3", "Third Option"}})}}},
      {"legacyEnum",
       {{"type", "string"},
        {"enum", {"opt1", "opt2", "opt3"}},
        {"enumNames", {"Option One", "Option Two", "Option Three"}}}},
      {"untitledMulti",
       {{"type", "array"}, {"items", {{"type", "string"}, {"enum", {"option1", "option2", "option3"}}}}}},
      {"titledMulti",
       {{"type", "array"},
        {"items",
         {{"anyOf",
           titled(
               {{"value1", "First Choice"}, {"value2", "Second Choice"}, {"value3", "Third Choice"}})}}}}}};
  return fill_in(exchange, form_question("Please choose", std::move(properties), OrderedJson::array()),
                 "Elicitation completed:");
}

Task<Rpc<std::string>> ask_name(Exchange& exchange, Json, Changes&) {
  const auto answers = co_await exchange.ask({{"user_name", name_question()}});
  if (!answers) co_return std::unexpected(answers.error());
  co_return text_result(fmt::format("Hello, {}!", said(*answers, "user_name", "name")));
}

Task<Rpc<std::string>> ask_model(Exchange& exchange, Json, Changes&) {
  const auto answers =
      co_await exchange.ask({{"capital_question", sampling_question("What is the capital of France?", 100)}});
  if (!answers) co_return std::unexpected(answers.error());
  co_return text_result("The model says: " + to_text((*answers)["capital_question"]["content"]));
}

Task<Rpc<std::string>> ask_roots(Exchange& exchange, Json, Changes&) {
  const auto answers = co_await exchange.ask({{"client_roots", roots_question()}});
  if (!answers) co_return std::unexpected(answers.error());
  co_return text_result("Roots: " + to_text((*answers)["client_roots"]["roots"]));
}

// Needs the state that it gave in the first round.
Task<Rpc<std::string>> ask_with_state(Exchange& exchange, Json, Changes&) {
  const Json state{{"asked", true}};
  const auto answers = co_await exchange.ask({{"confirm", confirm_question()}}, state);
  if (!answers) co_return std::unexpected(answers.error());
  const bool kept = exchange.client().revision == Revision::sessions || exchange.state() == state;
  if (!kept) co_return refuse(Code::invalid_params, "requestState: is missing; give it back as it was given");
  co_return text_result("state-ok");
}

Task<Rpc<std::string>> ask_several(Exchange& exchange, Json, Changes&) {
  const auto answers = co_await exchange.ask({{"user_name", name_question()},
                                              {"greeting", sampling_question("Generate a greeting", 50)},
                                              {"client_roots", roots_question()}},
                                             Json{{"asked", 3}});
  if (!answers) co_return std::unexpected(answers.error());
  co_return text_result(fmt::format("All {} answers are there.", answers->size()));
}

Task<Rpc<std::string>> ask_in_rounds(Exchange& exchange, Json, Changes&) {
  Json state = exchange.state();
  if (!state.is_object() || !state.contains("name")) {
    const auto first =
        co_await exchange.ask({{"step1", form_question("Step 1: What is your name?", {{"name", text_field()}},
                                                       OrderedJson::array({"name"}))}},
                              Json{{"round", 1}});
    if (!first) co_return std::unexpected(first.error());
    state = {{"round", 2}, {"name", said(*first, "step1", "name")}};
  }
  const auto second = co_await exchange.ask(
      {{"step2", form_question("Step 2: What is your favorite color?", {{"color", text_field()}},
                               OrderedJson::array({"color"}))}},
      state);
  if (!second) co_return std::unexpected(second.error());
  co_return text_result(
      fmt::format("{} likes {}.", state["name"].get<std::string>(), said(*second, "step2", "color")));
}

// Asks for what the client can answer.
Task<Rpc<std::string>> ask_what_it_can(Exchange& exchange, Json, Changes&) {
  OrderedJson questions = OrderedJson::object();
  if (exchange.client().can("elicitation")) questions["user_name"] = name_question();
  if (exchange.client().can("sampling")) questions["greeting"] = sampling_question("Generate a greeting", 50);
  if (exchange.client().can("roots")) questions["client_roots"] = roots_question();
  if (questions.empty()) co_return text_result("The client can answer nothing.");
  const auto answers = co_await exchange.ask(std::move(questions));
  if (!answers) co_return std::unexpected(answers.error());
  co_return text_result(fmt::format("{} answers.", answers->size()));
}

// Asks whatever the client can: one that can't is refused.
Task<Rpc<std::string>> needs_sampling(Exchange& exchange, Json, Changes&) {
  const auto answers = co_await exchange.ask({{"reply", sampling_question("Hello", 10)}});
  if (!answers) co_return std::unexpected(answers.error());
  co_return text_result("The client samples.");
}

}  // namespace

void add_question_fixtures(std::vector<Fixture>& fixtures) {
  add_fixture(fixtures, "test_sampling", "Asks the client's model.", sampling, {{"prompt", text_field()}},
              OrderedJson::array({"prompt"}));
  add_fixture(fixtures, "test_elicitation", "Asks the user.", elicitation, {{"message", text_field()}},
              OrderedJson::array({"message"}));
  add_fixture(fixtures, "test_elicitation_sep1034_defaults", "Asks with defaults.", defaults);
  add_fixture(fixtures, "test_elicitation_sep1330_enums", "Asks with choices.", enums);
  add_fixture(fixtures, "test_input_required_result_elicitation", "Asks for a name.", ask_name);
  add_fixture(fixtures, "test_streaming_elicitation", "Asks for a name.", ask_name);
  add_fixture(fixtures, "test_input_required_result_sampling", "Asks the client's model.", ask_model);
  add_fixture(fixtures, "test_input_required_result_list_roots", "Asks for roots.", ask_roots);
  add_fixture(fixtures, "test_input_required_result_request_state", "Asks, and keeps state.", ask_with_state);
  add_fixture(fixtures, "test_input_required_result_tampered_state", "Asks, and keeps state.",
              ask_with_state);
  add_fixture(fixtures, "test_input_required_result_multiple_inputs", "Asks several things.", ask_several);
  add_fixture(fixtures, "test_input_required_result_multi_round", "Asks in rounds.", ask_in_rounds);
  add_fixture(fixtures, "test_input_required_result_capabilities", "Asks what the client can answer.",
              ask_what_it_can);
  add_fixture(fixtures, "test_missing_capability", "Needs a client that samples.", needs_sampling);
}

}  // namespace acloud::surfaces::mcp
