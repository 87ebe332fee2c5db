#include "task/performer.h"

#include "task/task_span.h"

namespace acloud::task {
namespace {

// Takes the reply to a request in OpenAI's dialect, however it comes.
class Collected final : public kernel::ReplyStream {
 public:
  Task<Result<>> begin(net::Headers, std::string_view first) override {
    begun_ = true;
    co_return co_await write(first);
  }
  Task<Result<>> write(std::string_view bytes) override {
    if (text_.size() + bytes.size() > CallPerformer::kReplyMost)
      co_return fail(ErrorCode::too_large, "the model's reply has more than {} bytes",
                     CallPerformer::kReplyMost);
    text_ += bytes;
    co_return Result<>();
  }
  bool begun() const override { return begun_; }
  std::string take() { return std::move(text_); }

 private:
  bool begun_ = false;
  std::string text_;
};

// Puts `with` in place of `mark` wherever it stands in the texts of `value`.
void replace_mark(Json& value, std::string_view mark, const std::string& with) {
  if (value.is_structured()) {
    for (Json& item : value) replace_mark(item, mark, with);
  } else if (value.is_string() && value.get_ref<const std::string&>() == mark) {
    value = with;
  }
}

}  // namespace

std::vector<std::string> default_tools(const RunTask& request) {
  std::vector<std::string> tools;
  const Resources& resources = request.resources;
  const bool sandbox = !resources.sandbox.is_null() || !resources.files.empty();
  if (request.program) tools = {"model.*"};
  if (sandbox && !request.program) {
    tools = {"sandbox.exec", "sandbox.run_code", "sandbox.write_file", "sandbox.read_file",
             "sandbox.list_files"};
  }
  if (resources.database) tools.emplace_back("database.query");
  if (resources.bucket)
    tools.insert(tools.end(), {"object.put", "object.get", "object.list", "object.delete"});
  if (resources.queue) tools.insert(tools.end(), {"queue.send", "queue.receive", "queue.ack"});
  return tools;
}

kernel::Grant grant_of(const RunTask& request, const std::vector<Tool>& tools, Time deadline) {
  kernel::Grant grant{.operations = {"model.chat"}, .resources = {}, .expires = deadline};
  for (const Tool& tool : tools) {
    grant.operations.push_back(tool.operation);
    // A task of its own finds its model with what its parent may do.
    if (tool.operation == "task.run") grant.operations.emplace_back("model.list");
  }
  const auto* agent = request.agent ? std::get_if<Agent>(&*request.agent) : nullptr;
  const bool named = !request.tools.empty() || (agent != nullptr && !agent->tools.empty());
  if (named || request.program) return grant;
  // Its own resources alone. Its sandbox has no name yet; the loop keeps to that one.
  grant.resources = {"model/*", "sandbox/*"};
  const Resources& resources = request.resources;
  if (resources.database) grant.resources.push_back("database/" + resources.database->name);
  if (resources.bucket) grant.resources.push_back("bucket/" + *resources.bucket);
  if (resources.queue) grant.resources.push_back("queue/" + *resources.queue);
  return grant;
}

CallPerformer::CallPerformer(kernel::CallPath& path, Random& random, const Claimed& task, kernel::Grant grant)
    : path_(path),
      random_(random),
      task_(task),
      grant_(std::move(grant)),
      trace_(scope_of(path.tracer(), task)) {}

kernel::Caller CallPerformer::caller(bool as_owner) const {
  kernel::Caller caller{.workspace = task_.owner.workspace,
                        .principal = task_.id,
                        .key = task_.owner.key,
                        .grants = task_.owner.grants,
                        .is_operator = false};
  if (!as_owner) caller.grants.push_back(grant_);
  return caller;
}

std::string CallPerformer::key_of(std::string_view step) const {
  return fmt::format("{}/{}/{}/{}", task_.id, task_.secret, task_.attempt, step);
}

Task<Result<std::string>> CallPerformer::perform(Step step) {
  if (step.kind == StepKind::chat) co_return co_await chat(std::move(step));
  ACLOUD_CO_TRY(Json arguments, parse_json(step.input));
  if (step.input.contains(Script::kKeyMark) || step.input.contains(Script::kKeyIdMark)) {
    ACLOUD_CO_TRY(const Key made, co_await key());
    replace_mark(arguments, Script::kKeyMark, made.key);
    replace_mark(arguments, Script::kKeyIdMark, made.id);
  }
  const std::string key = key_of(std::to_string(step.number));
  if (step.ref.empty()) co_return co_await call(step.name, std::move(arguments), step.as_owner, key, trace_);
  telemetry::Span tool = begin_tool_span(trace_, step);
  auto reply = co_await call(step.name, std::move(arguments), step.as_owner, key, tool.inside());
  if (!reply) tool.fail(traits(reply.error().code()).name);
  co_return reply;
}

Task<Result<std::string>> CallPerformer::call(std::string operation, Json arguments, bool as_owner,
                                              std::string idempotency_key, telemetry::Scope trace) {
  const kernel::Caller by = caller(as_owner);
  kernel::Call call{.request_id = "req_" + random_.hex(10), .operation = std::move(operation)};
  call.arguments = std::move(arguments);
  call.idempotency_key = std::move(idempotency_key);
  call.trace = std::move(trace);
  kernel::Gate gate;
  auto reply = co_await path_.execute(by, call, gate);
  const auto durable = co_await gate.wait();
  if (!reply) co_return std::unexpected(std::move(reply).error());
  ACLOUD_CO_CHECK(durable);
  co_return std::move(reply->json);
}

// In OpenAI's dialect, since a model reads and says the arguments of a function in the order of its schema,
// which the dialect keeps and a call's arguments don't. Has no idempotency key: a model that is asked again
// is paid again.
Task<Result<std::string>> CallPerformer::chat(Step step) {
  const kernel::Caller by = caller(false);
  kernel::Payload payload;
  payload.form = "openai.chat_completions";
  if (!step.ref.empty()) payload.headers.add("x-session-id", step.ref);
  payload.body = net::ReplayBody(std::move(step.input));
  ACLOUD_CO_CHECK(payload.outline.feed(payload.body.bytes()));
  ACLOUD_CO_CHECK(payload.outline.finish());
  kernel::Call call{.request_id = "req_" + random_.hex(10), .operation = "model.chat"};
  call.arguments["model"] = payload.outline.string("model").value_or("");
  call.trace = trace_;
  Collected collected;
  call.payload = &payload;
  call.stream = &collected;
  kernel::Gate gate;
  auto reply = co_await path_.execute(by, call, gate);
  const auto durable = co_await gate.wait();
  if (!reply) co_return std::unexpected(std::move(reply).error());
  ACLOUD_CO_CHECK(durable);
  std::string text = collected.take();
  if (reply->bytes) {
    ACLOUD_CO_TRY(const std::string last, co_await reply->bytes->read_all(kReplyMost));
    text += last;
  }
  co_return text;
}

Task<Result<CallPerformer::Key>> CallPerformer::key() {
  Json arguments = {{"name", task_.id}};
  ACLOUD_CO_TRY(arguments["grant"], parse_json(encode(grant_)));
  ACLOUD_CO_TRY(const std::string text,
                co_await call("key.create", std::move(arguments), true, key_of("key"), trace_));
  ACLOUD_CO_TRY(const Json made, parse_json(text));
  co_return Key{made.value("id", ""), made.value("key", "")};
}

}  // namespace acloud::task
