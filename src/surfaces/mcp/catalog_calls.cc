#include "surfaces/mcp/catalog_calls.h"

#include "kernel/visitor.h"

namespace acloud::surfaces::mcp {
namespace {

constexpr std::chrono::minutes kCallWithin{60};
constexpr std::size_t kProgressBytes = 2000;

// Events of a streaming operation, as progress and log messages.
class ProgressSink final : public kernel::EventSink {
 public:
  ProgressSink(Exchange& exchange, const std::string& operation)
      : exchange_(exchange), operation_(operation) {}

  Task<Result<>> emit(std::string_view event, std::string data) override {
    std::string message(event);
    const auto json = parse_json(data);
    if (json && json->is_object() && json->contains("text") && (*json)["text"].is_string())
      message += ": " + (*json)["text"].get<std::string>().substr(0, kProgressBytes);
    const OrderedJson logged{{"event", event}, {"data", json ? OrderedJson(*json) : OrderedJson()}};
    co_await exchange_.progress(++count_, std::nullopt, std::move(message));
    co_await exchange_.log(LogLevel::info, operation_, logged);
    co_return Result<>();
  }

 private:
  Exchange& exchange_;
  const std::string& operation_;
  double count_ = 0;
};

}  // namespace

std::string tool_name(const kernel::Operation& operation) { return operation.product + "_" + operation.name; }

OrderedJson annotations_of(kernel::Effect effect) {
  using enum kernel::Effect;
  return {{"readOnlyHint", effect == read},
          {"destructiveHint", effect == destroy},
          {"idempotentHint", effect == read},
          {"openWorldHint", effect == external}};
}

Tool tool_of(const kernel::Operation& operation) {
  std::string description = operation.summary;
  if (!operation.description.empty()) description += " " + operation.description;
  if (!operation.examples.empty()) {
    const kernel::OperationExample& example = operation.examples.front();
    description += fmt::format(" Example ({}): {}", example.summary, example.request_json);
  }
  OrderedJson listing{{"name", tool_name(operation)},
                      {"title", operation.full_name()},
                      {"description", description},
                      {"inputSchema", operation.request()}};
  if (!operation.gives_content) {
    listing["outputSchema"] = operation.reply();
  } else if (const auto structure = operation.reply()["properties"].find("structuredContent");
             structure != operation.reply()["properties"].end()) {
    listing["outputSchema"] = *structure;
  }
  listing["annotations"] = annotations_of(operation.effect);
  return {.name = tool_name(operation),
          .listing = listing.dump(),
          .tasks = operation.streams && !operation.background ? TaskSupport::optional : TaskSupport::none,
          .headers = {}};
}

bool shown_to(const kernel::Caller& caller, const kernel::Operation& operation, Time now) {
  if (operation.keyless != kernel::is_visitor(caller)) return false;
  return (!operation.operator_only || caller.is_operator) &&
         kernel::may_allow(caller, operation.full_name(), now);
}

std::string structured_result(const std::string& json) {
  return fmt::format(R"("content":[{}],"structuredContent":{})", text_content(json), json);
}

std::string error_result(const Error& error) {
  std::string text = fmt::format("{}: {}", traits(error.code()).name, error.message());
  if (error.retry_after()) {
    text += fmt::format(" (try again in {} s)",
                        std::chrono::ceil<std::chrono::seconds>(*error.retry_after()).count());
  }
  return text_result(text, true);
}

Task<Result<std::string>> CatalogCalls::run(Exchange& exchange, std::string operation, Json arguments,
                                            Options options) {
  ACLOUD_CO_TRY(const std::shared_ptr<const kernel::Operation> declared, path_.catalog().find(operation));
  kernel::Call call{.request_id = "req_" + random_.hex(10),
                    .operation = std::move(operation),
                    .arguments = std::move(arguments),
                    .dry_run = options.dry_run,
                    .idempotency_key = std::move(options.idempotency_key),
                    .deadline = async::Deadline::after(kCallWithin),
                    .trace = {.tracer = nullptr, .context = exchange.client().trace}};
  ProgressSink sink(exchange, call.operation);
  const Client& client = exchange.client();
  const bool listened_to = !client.progress_token.is_null() || client.log_level.has_value();
  if (declared->streams && !declared->background && listened_to) call.events = &sink;
  kernel::Gate gate;
  ACLOUD_CO_TRY(kernel::Reply reply, co_await path_.execute(exchange.caller(), call, gate));
  ACLOUD_CO_CHECK(co_await gate.wait());
  co_return std::move(reply.json);
}

Task<Result<std::string>> CatalogCalls::read(const kernel::Caller& caller, const kernel::Operation& operation,
                                             Json arguments, kernel::EventSink* events) {
  kernel::Call call{.request_id = "req_" + random_.hex(10),
                    .operation = operation.full_name(),
                    .arguments = std::move(arguments),
                    .events = events};
  if (events == nullptr) call.deadline = async::Deadline::after(kCallWithin);
  kernel::Gate gate;
  ACLOUD_CO_TRY(kernel::Reply reply, co_await path_.execute(caller, call, gate));
  ACLOUD_CO_CHECK(co_await gate.wait());
  co_return std::move(reply.json);
}

Task<std::string> CatalogCalls::call(Exchange& exchange, std::string operation, Json arguments,
                                     Options options) {
  const auto declared = path_.catalog().find(operation);
  const auto reply = co_await run(exchange, std::move(operation), std::move(arguments), options);
  if (!reply) co_return error_result(reply.error());
  const bool as_it_is = declared && (*declared)->gives_content && !options.dry_run;
  co_return as_it_is ? reply->substr(1, reply->size() - 2) : structured_result(*reply);
}

}  // namespace acloud::surfaces::mcp
