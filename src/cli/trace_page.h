// A task's trace as one HTML file: what was done when, side by side on a line of time, with what each step
// was given and gave, and the tasks below it.
//
// It is made to be sent to others: it loads nothing, runs nothing, and shows what models, tools and strangers
// wrote as text and never as markup. Light or dark as its reader's system is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/schema.h"

namespace acloud::cli {

struct TraceStep {
  std::int64_t number = 0;
  std::string name;
  std::int64_t from = 0, to = 0;  // milliseconds since 1970
  bool ok = true;
  std::string given, gave;
};

struct Trace {
  OrderedJson task;     // as task.get has it
  OrderedJson receipt;  // as usage.receipt has it; null where there is none
  std::vector<TraceStep> steps;
  std::vector<Trace> children;
};

// The steps that the events of a task tell of, in the order of their numbers.
std::vector<TraceStep> steps_of(const OrderedJson& events);

inline constexpr std::size_t kTraceText = 64 << 10;  // bytes of what one step was given, or gave
std::string trace_page(const Trace& trace);

}  // namespace acloud::cli
