#include "cli/trace_page.h"

#include <limits>
#include <map>

#include "base/encoding.h"
#include "base/json_text.h"
#include "cli/output.h"
#include "surfaces/site/markdown.h"

namespace acloud::cli {
namespace {

constexpr std::string_view kStyle = R"(
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#667085;--line:#e3e6ea;--bar:#2f6feb;--bad:#c8372d;--box:#f6f7f9}
@media(prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e6e8eb;--dim:#98a2b3;--line:#2b3036;--bar:#6ea0ff;--bad:#ff7b6e;--box:#1c2024}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:80rem;padding:1.5rem;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.25rem;margin:0 0 .5rem;overflow-wrap:anywhere}
section section{margin:1rem 0 1rem 1rem;padding-left:1rem;border-left:2px solid var(--line)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:0 1rem;margin:0 0 1rem;color:var(--dim)}
dd{margin:0;color:var(--fg);overflow-wrap:anywhere}
summary{display:grid;grid-template-columns:3rem minmax(8rem,16rem) 1fr 5.5rem;gap:.5rem;align-items:center;cursor:pointer;padding:.15rem 0;border-bottom:1px solid var(--line);list-style:none}
summary:hover{background:var(--box)}
.n,.t{color:var(--dim);font-variant-numeric:tabular-nums;text-align:right}
.w{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.track{position:relative;height:.8rem;background:var(--box)}
.track i{position:absolute;top:0;bottom:0;min-width:2px;background:var(--bar)}
.bad .track i{background:var(--bad)}
.bad .w{color:var(--bad)}
pre{margin:.25rem 0 .75rem;padding:.6rem;background:var(--box);white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.45 ui-monospace,monospace}
pre,dd,.w{unicode-bidi:isolate}
)";

std::string escaped(std::string_view text) { return surfaces::site::escape_html(printable(text, true)); }

std::string cut(const std::string& text) {
  if (text.size() <= kTraceText) return text;
  return to_valid_utf8(text.substr(0, kTraceText)) +
         fmt::format(" ... {} bytes more", text.size() - kTraceText);
}

std::string shown_field(const OrderedJson& object, const char* name) {
  if (!object.is_object()) return "";
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>()
                            : found->dump(2, ' ', false, OrderedJson::error_handler_t::replace);
}

std::int64_t whole_field(const OrderedJson& object, const char* name) {
  if (!object.is_object()) return 0;
  const auto found = object.find(name);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

struct Span {
  std::int64_t from = std::numeric_limits<std::int64_t>::max();
  std::int64_t to = std::numeric_limits<std::int64_t>::min();
};

// From the first step of any of them to the last.
void widen(Span& span, const Trace& trace) {
  for (const TraceStep& step : trace.steps) {
    span.from = std::min(span.from, step.from);
    span.to = std::max(span.to, step.to);
  }
  for (const Trace& child : trace.children) widen(span, child);
}

class Page {
 public:
  explicit Page(Span span)
      : from_(span.from), length_(span.from < span.to ? static_cast<double>(span.to - span.from) : 1.0) {}

  void task(const Trace& trace, int depth) {
    out_ += "<section>\n";
    const std::string goal = shown_field(trace.task, "goal");
    out_ += fmt::format("<h1>{}</h1>\n<dl>", escaped(cut(goal.empty() ? "a program" : goal)));
    for (const char* name : {"id", "state", "created", "ended"}) pair(name, shown_field(trace.task, name));
    const OrderedJson error = trace.task.value("error", OrderedJson());
    if (error.is_object()) pair("error", shown_field(error, "code") + ": " + shown_field(error, "message"));
    if (trace.receipt.is_object()) {
      pair("calls", shown_field(trace.receipt, "calls"));
      pair("cost", shown_field(trace.receipt, "cost"));
    }
    out_ += "</dl>\n";
    for (const TraceStep& each : trace.steps) step(each);
    const OrderedJson result = trace.task.value("result", OrderedJson());
    for (const char* name : {"answer", "stdout", "stderr"}) text(name, shown_field(result, name));
    for (const Trace& child : trace.children) task(child, depth + 1);
    out_ += "</section>\n";
  }
  std::string take() { return std::move(out_); }

 private:
  void pair(std::string_view name, const std::string& value) {
    if (!value.empty()) out_ += fmt::format("<dt>{}</dt><dd>{}</dd>", name, escaped(cut(value)));
  }
  void text(std::string_view name, const std::string& value) {
    if (!value.empty())
      out_ += fmt::format("<div class=\"n\">{}</div><pre>{}</pre>\n", name, escaped(cut(value)));
  }
  void step(const TraceStep& step) {
    const double left = std::clamp(static_cast<double>(step.from - from_) / length_, 0.0, 1.0) * 100;
    const double width =
        std::clamp(static_cast<double>(step.to - step.from) / length_ * 100, 0.0, 100 - left);
    out_ += fmt::format(
        "<details{}><summary><span class=\"n\">{}</span><span class=\"w\">{}</span><span class=\"track\">"
        "<i style=\"left:{:.3f}%;width:{:.3f}%\"></i></span><span class=\"t\">{} ms</span></summary>\n",
        step.ok ? "" : " class=\"bad\"", step.number, escaped(step.name), left, width, step.to - step.from);
    text("given", step.given);
    text("gave", step.gave);
    out_ += "</details>\n";
  }

  std::string out_;
  std::int64_t from_;
  double length_;
};

}  // namespace

std::vector<TraceStep> steps_of(const OrderedJson& events) {
  std::map<std::int64_t, TraceStep> steps;
  std::map<std::string, std::string> given;  // arguments, by the id of their call
  for (const OrderedJson& event : events) {
    if (!event.is_object() || !event.contains("step")) continue;
    const std::int64_t number = whole_field(event, "step");
    const std::int64_t to = whole_field(event, "timestamp");
    std::string name = shown_field(event, "stepName") + shown_field(event, "operation");
    if (name.empty() && shown_field(event, "type") == "CUSTOM") name = shown_field(event, "name");
    if (name.empty()) name = "model.chat";
    TraceStep& step = steps[number];
    if (step.name.empty())
      step = {
          .number = number, .name = std::move(name), .from = to - whole_field(event, "took_ms"), .to = to};
    const std::string type = shown_field(event, "type");
    if (type == "TOOL_CALL_ARGS") {
      given[shown_field(event, "toolCallId")] = shown_field(event, "delta");
      step.gave += shown_field(event, "delta") + "\n";
    } else if (type == "TEXT_MESSAGE_CONTENT") {
      step.gave += shown_field(event, "delta") + "\n";
    } else if (type == "TOOL_CALL_START") {
      step.gave += shown_field(event, "toolCallName") + " ";
    } else if (type == "TOOL_CALL_RESULT") {
      step.given = given[shown_field(event, "toolCallId")];
      step.gave = shown_field(event, "content");
    } else if (type == "CUSTOM") {
      step.gave += shown_field(event, "value") + "\n";
    }
    if (event.contains("ok")) step.ok = event["ok"] == true;
    if (event.contains("error")) step.gave = shown_field(event, "error");
  }
  std::vector<TraceStep> list;
  list.reserve(steps.size());
  for (auto& [number, step] : steps) list.push_back(std::move(step));
  return list;
}

std::string trace_page(const Trace& trace) {
  Span span;
  widen(span, trace);
  Page page(span);
  page.task(trace, 0);
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
      "<title>{}</title><style>{}</style></head>\n<body>\n{}</body></html>\n",
      escaped(shown_field(trace.task, "id")), kStyle, page.take());
}

}  // namespace acloud::cli
