#include "task/events.h"

#include "base/json_text.h"
#include "task/errand.h"

namespace acloud::task {
namespace {

std::int64_t milliseconds(Time time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

OrderedJson parse(const std::string& text) {
  if (!parse_json(text)) return OrderedJson::object();
  return OrderedJson::parse(text);
}

class Writer {
 public:
  Writer(const std::string& task, const tables::Line& line) : task_(task), line_(line) {}

  void add(std::string type, OrderedJson fields) {
    OrderedJson data = {{"type", type}};
    data.update(fields);
    const bool over = line_.entry.outcome.has_value();
    data["timestamp"] = milliseconds(over ? line_.ended : line_.entry.began);
    data["step"] = line_.entry.step.number;
    if (over) data["took_ms"] = milliseconds(line_.ended) - milliseconds(line_.entry.began);
    events_.push_back({std::move(type), std::move(data)});
  }

  void chat() {
    const OrderedJson reply = parse(line_.entry.outcome->json);
    const OrderedJson* message = nullptr;
    if (reply.contains("choices") && reply["choices"].is_array() && !reply["choices"].empty() &&
        reply["choices"][0].is_object() && reply["choices"][0].contains("message"))
      message = &reply["choices"][0]["message"];
    if (!line_.entry.outcome->ok || message == nullptr) return call();
    const std::string id = fmt::format("{}/{}", task_, line_.entry.step.number);
    if (const std::string content = text_at(*message, "content"); !content.empty()) {
      add("TEXT_MESSAGE_START", {{"messageId", id}, {"role", "assistant"}});
      add("TEXT_MESSAGE_CONTENT", {{"messageId", id}, {"delta", content}});
      add("TEXT_MESSAGE_END", {{"messageId", id}});
    }
    if (!message->is_object() || !message->contains("tool_calls") || !(*message)["tool_calls"].is_array())
      return;
    for (const OrderedJson& tool_call : (*message)["tool_calls"]) {
      const OrderedJson function =
          tool_call.is_object() ? tool_call.value("function", OrderedJson()) : OrderedJson();
      const std::string call_id = text_at(tool_call, "id");
      add("TOOL_CALL_START",
          {{"toolCallId", call_id}, {"toolCallName", text_at(function, "name")}, {"parentMessageId", id}});
      add("TOOL_CALL_ARGS", {{"toolCallId", call_id}, {"delta", text_at(function, "arguments")}});
      add("TOOL_CALL_END", {{"toolCallId", call_id}});
    }
  }

  // A summary is no message of the agent: it is told as what it is.
  void summary() {
    const OrderedJson reply = parse(line_.entry.outcome->json);
    const OrderedJson choices = reply.value("choices", OrderedJson::array());
    const OrderedJson first = choices.is_array() && !choices.empty() ? choices[0] : OrderedJson();
    const OrderedJson message = first.is_object() ? first.value("message", OrderedJson()) : OrderedJson();
    add("CUSTOM", {{"name", "context_summarised"},
                   {"value",
                    {{"ok", line_.entry.outcome->ok},
                     {line_.entry.outcome->ok ? "summary" : "error",
                      line_.entry.outcome->ok ? OrderedJson(text_at(message, "content")) : reply}}}});
  }

  void result() {
    add("TOOL_CALL_RESULT", {{"messageId", fmt::format("{}/{}", task_, line_.entry.step.number)},
                             {"toolCallId", line_.entry.step.ref},
                             {"role", "tool"},
                             {"operation", line_.entry.step.name},
                             {"ok", line_.entry.outcome->ok},
                             {"content", line_.entry.outcome->json}});
  }

  void call() {
    add("STEP_STARTED", {{"stepName", line_.entry.step.name}});
    OrderedJson end = {{"stepName", line_.entry.step.name}, {"ok", line_.entry.outcome->ok}};
    if (!line_.entry.outcome->ok) end["error"] = parse(line_.entry.outcome->json);
    add("STEP_FINISHED", std::move(end));
  }

  void approval() {
    const Step& step = line_.entry.step;
    const OrderedJson asked = parse(step.input);
    add("CUSTOM", {{"name", "approval_requested"},
                   {"value",
                    {{"toolCallId", step.ref},
                     {"operation", step.name},
                     {"arguments", asked.value("arguments", OrderedJson())},
                     {"timeout_s", asked.value("timeout_s", OrderedJson())}}}});
    if (!line_.entry.outcome) return;
    const OrderedJson outcome = parse(line_.entry.outcome->json);
    add("CUSTOM", {{"name", "approval_decided"},
                   {"value",
                    {{"toolCallId", step.ref},
                     {"operation", step.name},
                     {line_.entry.outcome->ok ? "decision" : "error",
                      line_.entry.outcome->ok ? outcome.value("value", OrderedJson()) : outcome}}}});
  }

  // Of work that is done elsewhere: how far it is, where that is known.
  void progress() {
    if (!line_.entry.outcome->ok) return call();
    const OrderedJson state = parse(line_.entry.outcome->json);
    if (state.contains("progress") && !state["progress"].is_null())
      add("CUSTOM", {{"name", "progress"}, {"value", state["progress"]}});
  }

  std::vector<Event> take() { return std::move(events_); }

 private:
  const std::string& task_;
  const tables::Line& line_;
  std::vector<Event> events_;
};

}  // namespace

Event run_started(const TaskInfo& task) {
  Event event{"RUN_STARTED",
              {{"type", "RUN_STARTED"},
               {"threadId", task.id},
               {"runId", fmt::format("{}/{}", task.id, task.attempt)},
               {"timestamp", milliseconds(task.started.value_or(task.created))},
               {"goal", task.goal}}};
  if (task.parent) event.data["parentTask"] = *task.parent;
  return event;
}

Event run_ended(const TaskInfo& task) {
  const std::int64_t at = milliseconds(task.ended.value_or(task.created));
  const OrderedJson result = parse(acloud::to_text(task.result));
  if (task.state != State::succeeded) {
    const bool cancelled = task.state == State::cancelled;
    return {"RUN_ERROR",
            {{"type", "RUN_ERROR"},
             {"message", cancelled    ? "cancelled"
                         : task.error ? task.error->message
                                      : ""},
             {"code", cancelled    ? "cancelled"
                      : task.error ? task.error->code
                                   : ""},
             {"timestamp", at},
             {"result", result}}};
  }
  return {"RUN_FINISHED",
          {{"type", "RUN_FINISHED"},
           {"threadId", task.id},
           {"runId", fmt::format("{}/{}", task.id, task.attempt)},
           {"timestamp", at},
           {"result", result}}};
}

std::vector<Event> events_of(const std::string& task, const tables::Line& line) {
  Writer writer(task, line);
  const Step& step = line.entry.step;
  if (step.kind == StepKind::chat && step.name == kSummaryStep) {
    writer.summary();
  } else if (step.kind == StepKind::chat) {
    writer.chat();
  } else if (step.kind == StepKind::approval) {
    writer.approval();
  } else if (step.as_owner && step.name.ends_with(ErrandCourse::kLook)) {
    writer.progress();
  } else if (step.as_owner && step.name.ends_with(ErrandCourse::kWait)) {
    // Nothing happens in it.
  } else if (step.as_owner || step.kind == StepKind::interrupt) {
    writer.call();
  } else {
    writer.result();
  }
  return writer.take();
}

}  // namespace acloud::task
