#include "base/json.h"
#include "telemetry/otlp_text.h"

namespace acloud::telemetry {
namespace {

// Bits of a span's flags: W3C's below, and whether the parent came from elsewhere.
constexpr unsigned kSampled = 0x1;
constexpr unsigned kKnowsParent = 0x100;
constexpr unsigned kParentIsRemote = 0x200;
constexpr int kStatusError = 2;

void append_ids(std::string& out, const TraceContext& context) {
  out += fmt::format(R"("traceId":"{}","spanId":"{}")", trace_id_text(context), span_id_text(context.span));
  if (context.state.empty()) return;
  out += R"(,"traceState":)";
  append_json_string(out, context.state);
}

void append_links(std::string& out, const std::vector<TraceContext>& links) {
  if (links.empty()) return;
  out += R"(,"links":[)";
  Commas commas(out);
  for (const TraceContext& link : links) {
    commas.next();
    out += '{';
    append_ids(out, link);
    out += '}';
  }
  out += ']';
}

void append_span(std::string& out, const FinishedSpan& span) {
  out += '{';
  append_ids(out, span.context);
  if (span.parent != 0) out += fmt::format(R"(,"parentSpanId":"{}")", span_id_text(span.parent));
  out +=
      fmt::format(R"(,"flags":{})", kSampled | kKnowsParent | (span.parent_is_remote ? kParentIsRemote : 0));
  out += R"(,"name":)";
  append_json_string(out, span.name);
  const auto ended = span.began.time_since_epoch() + span.took;
  out += fmt::format(R"(,"kind":{},"startTimeUnixNano":{},"endTimeUnixNano":"{}","attributes":[)",
                     static_cast<int>(span.kind), nanoseconds_text(span.began),
                     std::chrono::duration_cast<std::chrono::nanoseconds>(ended).count());
  Commas commas(out);
  for (const Attribute& each : span.attributes) {
    commas.next();
    append_attribute(out, each.key, each.value);
  }
  out += ']';
  append_links(out, span.links);
  if (span.failed) out += fmt::format(R"(,"status":{{"code":{}}})", kStatusError);
  out += '}';
}

}  // namespace

std::string otlp_traces(const Resource& resource, std::span<const FinishedSpan> spans) {
  std::string out = R"({"resourceSpans":[{)";
  append_envelope(out, resource, "scopeSpans");
  out += R"("spans":[)";
  Commas commas(out);
  for (const FinishedSpan& span : spans) {
    commas.next();
    append_span(out, span);
  }
  return out + "]}]}]}";
}

}  // namespace acloud::telemetry
