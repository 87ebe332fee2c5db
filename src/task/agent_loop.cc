#include "task/agent_loop.h"

#include "base/json_text.h"
#include "kernel/grant.h"

namespace acloud::task {
namespace {

constexpr int kWarnAfter = 3;           // the same call with the same result, so many times in a row
constexpr int kGiveUpAfter = 6;         // likewise
constexpr std::size_t kCallsMost = 64;  // that a model may ask for at once
// Tools by which an agent could have another do what it may not do without approval.
constexpr std::array<std::string_view, 7> kHandOn{"key.create",    "schedule.create", "schedule.resume",
                                                  "task.retry",    "task.run",        "trigger.create",
                                                  "trigger.resume"};
constexpr std::uint64_t kTokensMost = std::uint64_t{1} << 40;  // that a reply may say it used
constexpr std::size_t kToolBytes = 16;                         // of a tool beside its name

OrderedJson parse_or_null(std::string_view text) {
  // Checked first for depth and names given twice, as all that strangers send.
  if (!parse_json(text)) return nullptr;
  return OrderedJson::parse(text);
}

// How many; 0 where it says nothing that makes sense.
std::int64_t count_at(const OrderedJson& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_integer()) return 0;
  if (found->is_number_unsigned() && found->get<std::uint64_t>() > kTokensMost) return 0;
  return std::max<std::int64_t>(0, found->get<std::int64_t>());
}

// What goes into a column of text.
bool is_plain(std::string_view text) {
  return !text.empty() && text.size() <= 200 &&
         std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

std::size_t bytes_of(const std::vector<Tool>& tools) {
  std::size_t bytes = 0;
  for (const Tool& tool : tools) bytes += tool.name.size() + kToolBytes;
  return bytes;
}

// The message of a model's reply; null where there is none.
const OrderedJson* message_of(const OrderedJson& reply) {
  if (!reply.is_object()) return nullptr;
  const auto choices = reply.find("choices");
  if (choices == reply.end() || !choices->is_array() || choices->empty()) return nullptr;
  const OrderedJson& first = choices->front();
  if (!first.is_object() || !first.contains("message") || !first["message"].is_object()) return nullptr;
  return &first["message"];
}

std::string error_text(std::string_view code, std::string_view message) {
  return OrderedJson{{"error", {{"code", code}, {"message", message}}}}.dump(
      -1, ' ', false, OrderedJson::error_handler_t::replace);
}

}  // namespace

AgentLoop::AgentLoop(Plan plan)
    : plan_(std::move(plan)),
      talk_({.context_tokens = plan_.context_tokens,
             .tools_bytes = bytes_of(plan_.tools),
             .summarise = plan_.agent.context == OldResults::summarise}) {
  if (!plan_.agent.instructions.empty())
    talk_.add({{"role", "system"}, {"content", plan_.agent.instructions}});
  talk_.add({{"role", "user"}, {"content", plan_.goal}});
  if (plan_.agent.output_schema.is_null()) return;
  auto form = JsonSchema::compile(plan_.agent.output_schema);
  if (form) {
    form_ = *std::move(form);
  } else {
    fail("invalid_argument", "output_schema: " + form.error().message());
  }
}

Step AgentLoop::chat() const {
  OrderedJson body = {{"model", plan_.model}, {"messages", talk_.messages()}};
  if (!plan_.tools.empty() && !formatting_) body["tools"] = functions_of(plan_.tools);
  if (plan_.agent.temperature) body["temperature"] = *plan_.agent.temperature;
  const bool formed = form_ && (formatting_ || plan_.tools.empty());
  if (formed) {
    body["response_format"] = {
        {"type", "json_schema"},
        {"json_schema",
         {{"name", "answer"}, {"schema", OrderedJson::parse(acloud::to_text(plan_.agent.output_schema))}}}};
  }
  return chat_step("model.chat", body);
}

Step AgentLoop::chat_step(std::string name, const OrderedJson& body) const {
  return {.kind = StepKind::chat,
          .name = std::move(name),
          .input = body.dump(-1, ' ', false, OrderedJson::error_handler_t::replace),
          .ref = plan_.session,
          .cut = true};
}

// Room is made before the model is asked: by a summary, which is a step of its own, once in a turn.
Step AgentLoop::ask() {
  if (!summarised_) {
    if (OrderedJson wanted = talk_.summary_request(); !wanted.is_null()) {
      in_summary_ = true;
      OrderedJson body = {{"model", plan_.model}};
      body.update(wanted);
      return chat_step(std::string(kSummaryStep), body);
    }
  }
  summarised_ = false;
  talk_.fit();
  ++turns_;
  return chat();
}

std::vector<Step> AgentLoop::next() {
  std::vector<Step> steps;
  asked_.clear();
  if (in_calls_) {
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      const Call& call = calls_[i];
      if (!call.step || call.done) continue;
      asked_.push_back(i);
      steps.push_back(call.approval ? *call.approval : *call.step);
    }
  } else {
    steps.push_back(ask());
  }
  missing_ = steps.size();
  return steps;
}

void AgentLoop::take(std::size_t index, const Outcome& outcome) {
  --missing_;
  if (in_summary_) return take_summary(outcome);
  if (!in_calls_) return take_chat(outcome);
  Call& call = calls_.at(asked_.at(index));
  if (call.approval) {
    take_approval(call, outcome);
  } else if (outcome.ok) {
    call.done = true;
    if (call.step->name == "task.run") children_.insert(text_at(parse_or_null(outcome.json), "id"));
    call.result = outcome.json;
  } else {
    const TaskFailure failed = failure_of(outcome);
    call.done = true;
    call.result = error_text(failed.code, failed.message);
  }
  // What was approved is done in the next round.
  const bool more = std::ranges::any_of(calls_, [](const Call& each) { return each.step && !each.done; });
  if (missing_ == 0 && !more) finish_calls();
}

bool AgentLoop::needs_approval(const std::string& operation) const {
  const std::vector<std::string>& patterns = plan_.agent.approvals;
  if (patterns.empty()) return false;
  return std::ranges::find(kHandOn, operation) != kHandOn.end() ||
         std::ranges::any_of(patterns,
                             [&](const std::string& each) { return kernel::matches(each, operation); });
}

void AgentLoop::take_approval(Call& call, const Outcome& outcome) {
  call.approval.reset();
  const OrderedJson decision = outcome.ok ? parse_or_null(outcome.json) : OrderedJson();
  const OrderedJson value = decision.is_object() ? decision.value("value", OrderedJson()) : OrderedJson();
  if (value.is_object() && value.value("approve", OrderedJson()) == true) return;
  call.step.reset();
  if (!outcome.ok) {
    const TaskFailure failed = failure_of(outcome);
    call.result = error_text(failed.code, failed.message);
    return;
  }
  const std::string reason = text_at(value, "reason");
  call.result = error_text("permission_denied", reason.empty() ? "this call was not approved"
                                                               : "this call was not approved: " + reason);
}

void AgentLoop::take_summary(const Outcome& outcome) {
  in_summary_ = false;
  summarised_ = true;
  const OrderedJson reply = outcome.ok ? parse_or_null(outcome.json) : OrderedJson();
  count_usage(reply);
  const OrderedJson* message = message_of(reply);
  talk_.summarise(message == nullptr ? "" : text_at(*message, "content"));
}

// Gives the tokens that were read.
std::int64_t AgentLoop::count_usage(const OrderedJson& reply) {
  if (!reply.is_object()) return 0;
  const auto usage = reply.find("usage");
  if (usage == reply.end() || !usage->is_object()) return 0;
  const std::int64_t prompt = count_at(*usage, "prompt_tokens");
  tokens_ += prompt + count_at(*usage, "completion_tokens");
  return prompt;
}

void AgentLoop::take_chat(const Outcome& outcome) {
  if (!outcome.ok) {
    const TaskFailure failed = failure_of(outcome);
    return fail(failed.code, "the model could not be asked: " + failed.message);
  }
  const OrderedJson reply = parse_or_null(outcome.json);
  talk_.learn(count_usage(reply));
  const OrderedJson* message = message_of(reply);
  if (message == nullptr) return fail("unavailable", "the model's reply has no message");
  take_message(*message);
}

void AgentLoop::take_message(const OrderedJson& message) {
  const auto asked = message.find("tool_calls");
  const bool calls = asked != message.end() && asked->is_array() && !asked->empty();
  OrderedJson said = {{"role", "assistant"}, {"content", text_at(message, "content")}};
  if (calls) said["tool_calls"] = *asked;
  talk_.add(std::move(said));
  if (!calls) return take_answer(text_at(message, "content"));
  if (const std::string limit = limit_reached(); !limit.empty())
    return fail("limit", fmt::format("no answer after {}", limit));
  calls_.clear();
  for (const OrderedJson& item : *asked) {
    const OrderedJson function =
        item.is_object() && item.contains("function") ? item["function"] : OrderedJson();
    Call& call = calls_.emplace_back();
    call.id = text_at(item, "id");
    if (!is_plain(call.id)) call.id = fmt::format("call_{}_{}", turns_, calls_.size());
    call.name = text_at(function, "name");
    call.arguments = text_at(function, "arguments");
    if (calls_.size() > kCallsMost) {
      call.result = error_text("too_large", fmt::format("at most {} calls at once", kCallsMost));
    } else {
      prepare(call);
    }
  }
  in_calls_ = true;
  if (std::ranges::none_of(calls_, [](const Call& call) { return call.step.has_value(); })) finish_calls();
}

// A call that can't be made is answered with what is wrong, so that the model can mend it.
void AgentLoop::prepare(Call& call) {
  const auto tool = std::ranges::find(plan_.tools, call.name, &Tool::name);
  if (tool == plan_.tools.end()) {
    std::vector<std::string> names;
    names.reserve(plan_.tools.size());
    for (const Tool& each : plan_.tools) names.push_back(each.name);
    call.result = error_text("not_found", fmt::format("no such tool; there are: {}", fmt::join(names, ", ")));
    return;
  }
  const auto parsed = parse_json(call.arguments.empty() ? "{}" : call.arguments);
  if (!parsed || !parsed->is_object()) {
    call.result = error_text("invalid_argument", parsed ? "arguments: must be a JSON object"
                                                        : "arguments: " + parsed.error().message());
    return;
  }
  Json arguments = *parsed;
  if (tool->bound) arguments["id"] = plan_.sandbox;
  Step step{.kind = StepKind::call, .name = tool->operation, .input = {}, .ref = call.id, .cut = true};
  if (tool->operation == "task.sleep") {
    const auto seconds = arguments.find("seconds");
    if (seconds == arguments.end() || !seconds->is_number() || seconds->get<double>() < 0 ||
        seconds->get<double>() > 31'536'000) {
      call.result = error_text("invalid_argument", "seconds: must be a number from 0 to 31536000");
      return;
    }
    step.kind = StepKind::sleep;
  } else if (tool->operation == "task.wait_signal") {
    const auto name = arguments.find("name");
    if (name == arguments.end() || !name->is_string() || !is_plain(name->get<std::string>()) ||
        is_reserved(name->get<std::string>())) {
      call.result = error_text("invalid_argument",
                               "name: must be a text of 1 to 200 printable letters that does not begin with "
                               "approval/ or child/");
      return;
    }
    step.kind = StepKind::signal;
    step.name = name->get<std::string>();
  } else if (tool->operation == "task.wait") {
    const std::string child = text_at(arguments, "id");
    if (!children_.contains(child)) {
      call.result = error_text("not_found", "id: must be that of a task which you ran with task_run");
      return;
    }
    step.kind = StepKind::signal;
    step.name = std::string(kChildSignal) + child;
  }
  step.input = acloud::to_text(arguments);
  if (needs_approval(tool->operation)) {
    const Json asked = {{"arguments", arguments}, {"timeout_s", plan_.agent.approval_timeout.count()}};
    call.approval = Step{.kind = StepKind::approval,
                         .name = tool->operation,
                         .input = acloud::to_text(asked),
                         .ref = call.id,
                         .cut = true};
  }
  call.step = std::move(step);
}

void AgentLoop::finish_calls() {
  in_calls_ = false;
  for (Call& call : calls_) {
    note_repeat(call);
    if (ending_) return;
    talk_.add(
        {{"role", "tool"}, {"tool_call_id", call.id}, {"content", talk_.shortened(std::move(call.result))}});
  }
  calls_.clear();
}

void AgentLoop::note_repeat(Call& call) {
  std::string now = call.name + '\n' + call.arguments + '\n' + call.result;
  repeats_ = now == last_call_ ? repeats_ + 1 : 1;
  last_call_ = std::move(now);
  if (repeats_ >= kGiveUpAfter)
    return fail("loop", fmt::format("the agent called {} {} times in a row with the same result", call.name,
                                    repeats_));
  if (repeats_ >= kWarnAfter) {
    call.result =
        error_text("conflict", fmt::format("this call was made {} times in a row and gave the same each "
                                           "time; do something else, or answer",
                                           repeats_));
  }
}

// The model is told what is wrong with its answer for as long as its limits let it try again.
void AgentLoop::take_answer(std::string text) {
  if (!form_) {
    ending_.emplace(State::succeeded, OrderedJson{{"answer", std::move(text)}});
    return;
  }
  if (!formatting_ && !plan_.tools.empty()) {
    formatting_ = true;
    return tell("Give this answer as JSON of the form that is asked for, and nothing else.");
  }
  const auto parsed = parse_json(text);
  const std::vector<std::string> wrong =
      parsed ? form_->check(*parsed) : std::vector{"it is no JSON: " + parsed.error().message()};
  if (wrong.empty()) {
    ending_.emplace(State::succeeded, OrderedJson{{"answer", OrderedJson::parse(text)}});
    return;
  }
  if (const std::string limit = limit_reached(); !limit.empty()) {
    return fail("invalid_argument",
                fmt::format("the agent's answer is not of the form of output_schema after "
                            "{}: {}",
                            limit, fmt::join(wrong, "; ")));
  }
  tell(fmt::format(
      "That is not of the form that is asked for: {}. Give the whole answer again, as JSON alone.",
      fmt::join(wrong, "; ")));
}

// Which, in words; "" where none is.
std::string AgentLoop::limit_reached() const {
  if (turns_ >= plan_.agent.limits.turns) return fmt::format("{} calls of the model (limits.turns)", turns_);
  if (tokens_ >= plan_.agent.limits.tokens) return fmt::format("{} tokens (limits.tokens)", tokens_);
  return "";
}

void AgentLoop::tell(std::string_view text) { talk_.add({{"role", "user"}, {"content", text}}); }

void AgentLoop::fail(std::string code, std::string message) {
  ending_.emplace(State::failed, OrderedJson(), TaskFailure{std::move(code), std::move(message)});
}

}  // namespace acloud::task
