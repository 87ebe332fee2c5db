// What a task did, as events by the names of AG-UI (https://docs.ag-ui.com/concepts/events).
//
// Made from the journal, so that whoever follows sees the same, live or years later, and nothing that a crash
// could still undo. Beside AG-UI's fields each has step, its number in the journal, and took_ms.
#pragma once

#include <string>
#include <vector>

#include "task/tables.h"

namespace acloud::task {

struct Event {
  std::string name;  // "TOOL_CALL_RESULT"
  OrderedJson data;
};

Event run_started(const TaskInfo& task);
// RUN_FINISHED or RUN_ERROR. REQUIRES: it has ended.
Event run_ended(const TaskInfo& task);
std::vector<Event> events_of(const std::string& task, const tables::Line& line);

}  // namespace acloud::task
