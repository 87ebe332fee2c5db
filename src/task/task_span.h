// A task as a trace of its own, whose ids are made of the task's: whichever server goes on with it after a
// crash, its steps are below the same span, which is sent when the task has ended.
#pragma once

#include "task/tables.h"
#include "telemetry/span.h"

namespace acloud::task {

// Where the spans of the task's steps begin. `tracer`: null where nothing is traced.
telemetry::Scope scope_of(telemetry::Tracer* tracer, const Claimed& task);

// A call that the task's agent asked for, as a tool ("execute_tool sandbox.exec"); for other steps nothing
// stands between the task and the step's call.
telemetry::Span begin_tool_span(const telemetry::Scope& scope, const Step& step);

// Who does a task.
struct DoneBy {
  std::string agent;  // its name; "" for one without, and for a program
  bool is_program = false;
};
DoneBy done_by(const RunTask& request);

// The task's own span, from its creation to now: "invoke_agent NAME", below nothing, with a link to the trace
// of the task that asked for it.
void send_task_span(telemetry::Tracer* tracer, const Claimed& task, const DoneBy& by, State ended);

}  // namespace acloud::task
