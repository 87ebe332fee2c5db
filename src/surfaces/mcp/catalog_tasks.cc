#include "surfaces/mcp/catalog_tasks.h"

#include <set>

#include "base/encoding.h"
#include "base/json_text.h"

namespace acloud::surfaces::mcp {
namespace {

constexpr int kLookEveryMs = 1000;
// They are kept for longer: this is what a client may count on.
constexpr std::chrono::milliseconds kKeptAtLeast = std::chrono::days(30);
constexpr std::size_t kShownBytes = 2000;
constexpr std::int64_t kQuestionsAtOnce = 20;

std::string_view status_of(const Json& info, bool asks) {
  const std::string state = text_at(info, "state");
  if (state == "succeeded") return "completed";
  if (state == "failed" || state == "cancelled") return state == "failed" ? "failed" : "cancelled";
  return asks ? "input_required" : "working";
}

bool has_ended(const Json& info) {
  const std::string_view status = status_of(info, false);
  return status != "working";
}

// Members of a Task; with `whole`, of a DetailedTask.
std::string describe(const Json& info, const OrderedJson& questions, bool whole) {
  const std::string_view status = status_of(info, !questions.empty());
  std::string updated = text_at(info, "created");
  for (const char* later : {"started", "ended"}) {
    if (const std::string at = text_at(info, later); !at.empty()) updated = at;
  }
  OrderedJson task{{"taskId", text_at(info, "id")},         {"status", status},
                   {"createdAt", text_at(info, "created")}, {"lastUpdatedAt", updated},
                   {"ttlMs", kKeptAtLeast.count()},         {"pollIntervalMs", kLookEveryMs}};
  if (whole && status == "input_required") task["inputRequests"] = questions;
  if (whole && status == "failed") {
    const Json error = info.value("error", Json::object());
    task["error"] = {{"code", static_cast<int>(Code::internal_error)},
                     {"message", fmt::format("{}: {}", text_at(error, "code"), text_at(error, "message"))},
                     {"data", OrderedJson(info)}};
  }
  std::string text = task.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  text = text.substr(1, text.size() - 2);
  if (whole && status == "completed")
    text += fmt::format(R"(,"result":{{"resultType":"complete",{}}})", structured_result(to_text(info)));
  return text;
}

// What a list of open questions has in one item, as a form for a person.
OrderedJson question_of(const Json& item) {
  std::string arguments = to_text(item.value("arguments", Json::object()));
  if (arguments.size() > kShownBytes)
    arguments = to_valid_utf8(arguments.substr(0, kShownBytes)) + " ... (its beginning)";
  std::string message = fmt::format("May this call be made? {} {}", text_at(item, "operation"), arguments);
  if (const std::string goal = text_at(item, "goal"); !goal.empty())
    message += fmt::format("\nIt is for: {}", to_valid_utf8(goal.substr(0, kShownBytes)));
  return {{"method", "elicitation/create"},
          {"params",
           {{"mode", "form"},
            {"message", std::move(message)},
            {"requestedSchema",
             {{"type", "object"},
              {"properties",
               {{"approve",
                 {{"type", "boolean"}, {"title", "Approve"}, {"description", "Let the call be made."}}},
                {"reason", {{"type", "string"}, {"title", "Reason"}, {"maxLength", 2000}}}}},
              {"required", {"approve"}}}}}}};
}

// Lets a log be read until something is asked in it.
class UntilAsked final : public kernel::EventSink {
 public:
  UntilAsked(Exchange& exchange, double& count) : exchange_(exchange), count_(count) {}

  Task<Result<>> emit(std::string_view event, std::string data) override {
    co_await exchange_.progress(++count_, std::nullopt, std::string(event));
    const Json json = parse_json(data).value_or(Json::object());
    if (event != "CUSTOM" || text_at(json, "name") != "approval_requested") co_return Result<>();
    step_ = json.value("step", std::int64_t{-1});
    co_return fail(ErrorCode::cancelled, "something is asked");
  }
  // The step that asks, where that is why it ended.
  std::optional<std::int64_t> step() const { return step_; }

 private:
  Exchange& exchange_;
  double& count_;
  std::optional<std::int64_t> step_;
};

std::unexpected<RpcError> no_task(const std::string& id) {
  return refuse(Code::invalid_params, "no task {}: it is another's, or is gone",
                to_text(Json(id.substr(0, 100))));
}

}  // namespace

bool CatalogTasks::stays(const Client& client, const kernel::Operation& operation, const Json& arguments) {
  return operation.starts && operation.starts->asks != nullptr && client.can("elicitation") &&
         operation.starts->asks(arguments);
}

Task<Rpc<Json>> CatalogTasks::read(Exchange& exchange, std::string operation, Json arguments) {
  const auto declared = path_.catalog().find(operation);
  if (!declared) co_return refuse(declared.error());
  const auto reply = co_await calls_.read(exchange.caller(), **declared, std::move(arguments), nullptr);
  if (!reply) co_return refuse(reply.error());
  auto json = parse_json(*reply);
  if (!json || !json->is_object()) co_return refuse(Code::internal_error, "{} gave no object", operation);
  co_return *std::move(json);
}

Task<OrderedJson> CatalogTasks::questions(Exchange& exchange, const kernel::Operation& starter,
                                          std::string id) {
  OrderedJson all = OrderedJson::object();
  if (!exchange.client().can("elicitation")) co_return all;
  const auto open =
      co_await read(exchange, starter.starts->questions, {{"task", id}, {"limit", kQuestionsAtOnce}});
  if (!open) co_return all;  // not this client's to decide
  for (const Json& item : open->value("items", Json::array())) all[text_at(item, "id")] = question_of(item);
  co_return all;
}

Task<bool> CatalogTasks::decide(Exchange& exchange, const kernel::Operation& starter, std::string question,
                                Json answer) {
  const std::string action = text_at(answer, "action");
  if (action == "cancel") co_return false;
  const Json content = answer.value("content", Json::object());
  const bool approve = action == "accept" && content.value("approve", Json()) == true;
  std::string reason = text_at(content, "reason");
  if (reason.empty() && action == "decline") reason = "declined";
  // Where somebody else was faster, that stands.
  (void)co_await calls_.run(exchange, starter.starts->decide,
                            {{"id", question}, {"approve", approve}, {"reason", reason}}, {});
  co_return true;
}

Task<Rpc<std::string>> CatalogTasks::stay(Exchange& exchange, const kernel::Operation& operation,
                                          Json arguments, CatalogCalls::Options options) {
  const kernel::Started& started = *operation.starts;
  std::string id = exchange.state().is_object() ? text_at(exchange.state(), "started") : "";
  if (id.empty()) {
    const auto reply =
        co_await calls_.run(exchange, operation.full_name(), std::move(arguments), std::move(options));
    if (!reply) co_return error_result(reply.error());
    id = text_at(parse_json(*reply).value_or(Json::object()), "id");
  }
  const auto events = path_.catalog().find(started.events);
  if (!events) co_return refuse(events.error());
  std::int64_t after = -1;
  double count = 0;
  for (bool undecided = false; !undecided;) {
    const OrderedJson open = co_await questions(exchange, operation, id);
    if (!open.empty()) {
      ACLOUD_CO_TRY(const Json answers, co_await exchange.ask(open, {{"started", id}}));
      for (const auto& [question, answer] : answers.items()) {
        const bool decided = co_await decide(exchange, operation, question, answer);
        undecided = undecided || !decided;
      }
      continue;
    }
    UntilAsked sink(exchange, count);
    const auto followed =
        co_await calls_.read(exchange.caller(), **events, {{"id", id}, {"after", after}}, &sink);
    if (!followed && !sink.step()) co_return error_result(followed.error());
    if (followed) break;
    after = *sink.step();
  }
  ACLOUD_CO_TRY(const Json info, co_await read(exchange, started.get, {{"id", id}}));
  co_return structured_result(to_text(info));
}

Task<Rpc<Answer>> CatalogTasks::start(Exchange& exchange, const kernel::Operation& operation, Json arguments,
                                      CatalogCalls::Options options) {
  const auto reply =
      co_await calls_.run(exchange, operation.full_name(), std::move(arguments), std::move(options));
  if (!reply) co_return Answer{.members = error_result(reply.error())};
  const Json info = parse_json(*reply).value_or(Json::object());
  co_return Answer{.kind = Answer::Kind::task, .members = describe(info, OrderedJson::object(), false)};
}

Task<Rpc<CatalogTasks::Found>> CatalogTasks::find(Exchange& exchange, std::string id) {
  std::set<std::string> asked;
  for (const auto& product : path_.catalog().products()) {
    if (!product_.empty() && product->name() != product_) continue;
    for (const kernel::Operation& operation : product->operations()) {
      if (!operation.starts || !asked.insert(operation.starts->get).second) continue;
      auto info = co_await read(exchange, operation.starts->get, {{"id", id}});
      if (info) co_return Found{.starter = {product, &operation}, .info = *std::move(info)};
    }
  }
  co_return no_task(id);
}

Task<Rpc<Answer>> CatalogTasks::answer(Exchange& exchange, std::string method, std::string id) {
  ACLOUD_CO_TRY(Found found, co_await find(exchange, id));
  const kernel::Operation& starter = *found.starter;
  if (method == "tasks/cancel") {
    const auto cancelled = co_await calls_.run(exchange, starter.starts->cancel, {{"id", id}}, {});
    if (!cancelled) co_return refuse(cancelled.error());
    co_return Answer{};
  }
  OrderedJson open = OrderedJson::object();
  if (!has_ended(found.info)) open = co_await questions(exchange, starter, id);
  if (method == "tasks/get") co_return Answer{.members = describe(found.info, open, true)};
  const Json responses = exchange.client().input_responses;
  for (const auto& [question, response] : responses.items()) {
    const auto asked = open.find(question);
    if (asked == open.end()) continue;  // answered meanwhile
    if (auto fits = check_answer(question, *asked, response); !fits) co_return std::unexpected(fits.error());
    (void)co_await decide(exchange, starter, question, response);
  }
  co_return Answer{};
}

}  // namespace acloud::surfaces::mcp
