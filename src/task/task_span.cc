#include "task/task_span.h"

namespace acloud::task {
namespace {

using telemetry::Span;

// Each attempt is a run, and a trace, of its own.
telemetry::TraceContext trace_of(const telemetry::Tracer& tracer, const std::string& task,
                                 std::int64_t attempt) {
  return telemetry::trace_named(fmt::format("{}/{}", task, attempt), tracer.ratio());
}

}  // namespace

telemetry::Scope scope_of(telemetry::Tracer* tracer, const Claimed& task) {
  if (tracer == nullptr) return {};
  return {tracer, trace_of(*tracer, task.id, task.attempt)};
}

Span begin_tool_span(const telemetry::Scope& scope, const Step& step) {
  Span span = scope.begin("execute_tool " + step.name, telemetry::SpanKind::internal);
  if (!span.recording()) return span;
  span.set("gen_ai.operation.name", std::string("execute_tool"));
  span.set("gen_ai.tool.name", step.name);
  span.set("gen_ai.tool.type", std::string("function"));
  span.set("gen_ai.tool.call.id", step.ref);
  return span;
}

DoneBy done_by(const RunTask& request) {
  const auto* name = request.agent ? std::get_if<std::string>(&*request.agent) : nullptr;
  return {.agent = name == nullptr ? std::string() : *name, .is_program = request.program.has_value()};
}

void send_task_span(telemetry::Tracer* tracer, const Claimed& task, const DoneBy& by, State ended) {
  if (tracer == nullptr) return;
  const std::string operation = by.is_program ? "task" : "invoke_agent";
  Span span = tracer->begin_named(trace_of(*tracer, task.id, task.attempt),
                                  by.agent.empty() ? operation : operation + ' ' + by.agent, task.created);
  if (!span.recording()) return;
  if (!by.is_program) span.set("gen_ai.operation.name", operation);
  if (!by.agent.empty()) span.set("gen_ai.agent.name", by.agent);
  span.set("acloud.task", task.id);
  span.set("acloud.workspace", task.owner.workspace);
  span.set("acloud.principal", task.owner.principal);
  if (!task.parent.empty()) span.link(trace_of(*tracer, task.parent, 1));
  if (ended != State::succeeded) span.fail(schema::Codec<State>::name(ended));
}

}  // namespace acloud::task
