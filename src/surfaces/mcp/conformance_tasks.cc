// Fixtures that become tasks.
#include "async/wait.h"
#include "surfaces/mcp/conformance.h"

namespace acloud::surfaces::mcp {
namespace {

constexpr double kSecondsMost = 120;

Task<Rpc<std::string>> greet(Exchange&, Json arguments, Changes&) {
  const Json name = arguments.value("name", Json("World"));
  co_return text_result(
      fmt::format("Hello, {}!", name.is_string() ? name.get<std::string>() : to_text(name)));
}

Task<Rpc<>> work_for(double seconds) {
  const auto slept = co_await async::sleep_for(std::chrono::milliseconds(std::llround(seconds * 1000)));
  if (!slept) co_return refuse(slept.error());
  co_return Rpc<>();
}

Task<Rpc<std::string>> slow_compute(Exchange&, Json arguments, Changes&) {
  const Json seconds = arguments.value("seconds", Json(1));
  if (!seconds.is_number() || !(seconds.get<double>() >= 0) || seconds.get<double>() > kSecondsMost)
    co_return refuse(Code::invalid_params, "seconds: must be a number from 0 to {}", kSecondsMost);
  if (const auto worked = co_await work_for(seconds.get<double>()); !worked)
    co_return std::unexpected(worked.error());
  co_return text_result("Computed for " + to_text(seconds) + " s.");
}

Task<Rpc<std::string>> failing_job(Exchange&, Json, Changes&) {
  if (const auto worked = co_await work_for(1); !worked) co_return std::unexpected(worked.error());
  co_return text_result("This job always fails.", true);
}

Task<Rpc<std::string>> protocol_error_job(Exchange&, Json, Changes&) {
  co_return refuse(Code::internal_error, "this job ends with an error of the protocol");
}

OrderedJson confirm(std::string message) {
  return form_question(std::move(message), {{"confirm", {{"type", "boolean"}}}},
                       OrderedJson::array({"confirm"}));
}

Task<Rpc<std::string>> confirm_delete(Exchange& exchange, Json arguments, Changes&) {
  const std::string what = to_text(arguments.value("filename", Json("it")));
  const auto answers = co_await exchange.ask({{"confirm", confirm("Delete " + what + "?")}});
  if (!answers) co_return std::unexpected(answers.error());
  const Json content = (*answers)["confirm"].value("content", Json::object());
  co_return text_result(content.value("confirm", Json(false)) == Json(true) ? "Deleted " + what + "."
                                                                            : "Left " + what + " alone.");
}

Task<Rpc<std::string>> multi_input(Exchange& exchange, Json, Changes&) {
  const auto answers =
      co_await exchange.ask({{"first", confirm("The first?")}, {"second", confirm("The second?")}});
  if (!answers) co_return std::unexpected(answers.error());
  co_return text_result(fmt::format("{} answers.", answers->size()));
}

// Asks before it is a task, and works as one.
Task<Rpc<std::string>> ask_then_work(Exchange& exchange, Json, Changes&) {
  const auto answers = co_await exchange.ask(
      {{"user_name",
        form_question("What is your name?", {{"name", {{"type", "string"}}}}, OrderedJson::array({"name"}))}},
      nullptr, Exchange::When::before_task);
  if (!answers) co_return std::unexpected(answers.error());
  const Json content = (*answers)["user_name"].value("content", Json::object());
  co_return text_result("Worked for " + to_text(content.value("name", Json("nobody"))) + ".");
}

}  // namespace

void add_task_fixtures(std::vector<Fixture>& fixtures) {
  const OrderedJson text{{"type", "string"}};
  add_fixture(fixtures, "greet", "Greets.", greet, {{"name", text}}, OrderedJson::array({"name"}));
  add_fixture(fixtures, "slow_compute", "Takes as long as it is told.", slow_compute,
              {{"seconds", {{"type", "number"}, {"minimum", 0}, {"maximum", kSecondsMost}}}, {"label", text}})
      .tool.tasks = TaskSupport::optional;
  add_fixture(fixtures, "failing_job", "A task that fails.", failing_job).tool.tasks = TaskSupport::required;
  add_fixture(fixtures, "protocol_error_job", "A task that ends with a protocol error.", protocol_error_job)
      .tool.tasks = TaskSupport::required;
  add_fixture(fixtures, "confirm_delete", "A task that asks.", confirm_delete, {{"filename", text}})
      .tool.tasks = TaskSupport::optional;
  add_fixture(fixtures, "multi_input", "A task that asks twice at once.", multi_input).tool.tasks =
      TaskSupport::optional;
  add_fixture(fixtures, "test_tool_with_task", "Asks, then becomes a task.", ask_then_work).tool.tasks =
      TaskSupport::required;
}

}  // namespace acloud::surfaces::mcp
