// Where a call stands in a trace, as W3C's Trace Context has it: which trace, which span of it is the parent,
// and whether its spans are kept. It comes with a caller's headers and goes on with the requests to
// providers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/http.h"

namespace acloud::telemetry {

struct TraceContext {
  std::uint64_t trace_high = 0;
  std::uint64_t trace_low = 0;
  std::uint64_t span = 0;
  bool sampled = false;
  std::string state;  // tracestate, which belongs to others and passes as it came

  // Neither id is all zeroes.
  bool valid() const { return (trace_high | trace_low) != 0 && span != 0; }
  friend bool operator==(const TraceContext&, const TraceContext&) = default;
};

std::string trace_id_text(const TraceContext& context);  // 32 lower-case hex digits
std::string span_id_text(std::uint64_t span);            // 16

// Nothing where it is not what https://www.w3.org/TR/trace-context/ says; versions to come are read as far as
// this one goes.
std::optional<TraceContext> parse_traceparent(std::string_view text);
// REQUIRES: valid.
std::string to_traceparent(const TraceContext& context);

// What `headers` say; not valid where they say nothing that can be read.
TraceContext trace_of(const net::Headers& headers);
// Puts traceparent and tracestate in place of what was there. Does nothing where `context` is not valid.
void put_trace(net::Headers& headers, const TraceContext& context);

// Whether the trace is among the share `ratio` of all: the same answer for one trace everywhere.
bool is_sampled(const TraceContext& context, double ratio);

// The trace of a thing that outlives processes, such as a task, made of its name: whoever goes on with it
// finds the same. `span` is that of the thing itself.
TraceContext trace_named(std::string_view name, double ratio);

}  // namespace acloud::telemetry
