#include "surfaces/mcp/live_exchange.h"

namespace acloud::surfaces::mcp {
namespace {

// A person answers, so it may take a while.
constexpr std::chrono::minutes kAnswerWithin{10};

}  // namespace

Task<> LiveExchange::progress(double done, std::optional<double> total, std::string message) {
  const Json& token = client().progress_token;
  if (token.is_null()) co_return;
  OrderedJson params{{"progressToken", token}, {"progress", done}};
  if (total) params["total"] = *total;
  if (!message.empty()) params["message"] = std::move(message);
  // One that is gone is told nothing more: the request's own stop ends the work.
  (void)co_await outlet_.send(notification_message(
      "notifications/progress", params.dump(-1, ' ', false, OrderedJson::error_handler_t::replace)));
}

Task<> LiveExchange::log(LogLevel level, std::string logger, OrderedJson data) {
  if (!client().log_level || level < *client().log_level) co_return;
  (void)co_await outlet_.send(notification_message("notifications/message", log_params(level, logger, data)));
}

Task<Rpc<Json>> LiveExchange::ask(OrderedJson questions, Json state, When) {
  if (session_ != nullptr) co_return co_await ask_session(std::move(questions));
  auto answers = answers_at_hand(client(), questions);
  if (!answers && answers.error().code == Code::input_needed && !state.is_null())
    answers.error().data["state"] = std::move(state);
  co_return answers;
}

Task<Rpc<Json>> LiveExchange::ask_session(OrderedJson questions) {
  if (const auto able = check_capabilities(client(), questions); !able)
    co_return refuse_with(Code::invalid_request, able.error().message, able.error().data);
  Json answers = Json::object();
  for (const auto& [name, question] : questions.items()) {
    auto answer = co_await ask_one(name, question);
    if (!answer) co_return answer;
    answers[name] = *std::move(answer);
  }
  co_return answers;
}

Task<Rpc<Json>> LiveExchange::ask_one(std::string name, OrderedJson question) {
  const std::string id = "\"ask_" + random_.hex(12) + "\"";
  const auto reply = session_->expect(id);
  auto sent = co_await outlet_.send(request_message(id, question["method"].get<std::string>(),
                                                    question.value("params", OrderedJson::object()).dump()));
  Result<Session::Reply> replied = std::unexpected(Error(ErrorCode::unavailable, "the client is gone"));
  if (sent) {
    replied = co_await async::with_deadline(async::Deadline::after(kAnswerWithin), "the client's answer",
                                            reply.wait_task());
  }
  session_->forget(id);
  if (!replied) co_return refuse(replied.error());
  if (replied->result.is_null())
    co_return refuse(Code::internal_error, "the client refused {}: {}", name,
                     to_text(replied->error).substr(0, 500));
  if (const auto fits = check_answer(name, question, replied->result); !fits)
    co_return std::unexpected(fits.error());
  co_return std::move(replied->result);
}

}  // namespace acloud::surfaces::mcp
