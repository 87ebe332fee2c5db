#include "cli/task_command.h"

#include <filesystem>
#include <fstream>

#include "base/encoding.h"
#include "net/sse.h"

namespace acloud::cli {
namespace {

constexpr std::size_t kLargestAnswer = 256 << 20;
constexpr std::size_t kShown = 110;    // bytes of what a step was given or gave
constexpr std::int64_t kBar = 48;      // columns of a trace
constexpr std::size_t kChildren = 20;  // of a task that its page shows
constexpr int kDepth = 3;

OrderedJson parsed(const std::string& text) {
  if (!parse_json(text)) return OrderedJson::object();
  return OrderedJson::parse(text);
}

std::string shown_at(const OrderedJson& object, const char* name) {
  if (!object.is_object()) return "";
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::int64_t number_at(const OrderedJson& object, const char* name) {
  if (!object.is_object()) return 0;
  const auto found = object.find(name);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

std::string on_one_line(const std::string& text) {
  std::string shown = printable(text);
  if (shown.size() <= kShown) return shown;
  return to_valid_utf8(shown.substr(0, kShown)) + "...";
}

}  // namespace

Result<OrderedJson> take_files(std::vector<std::string>& words, const ReadFile& read_file) {
  OrderedJson files = OrderedJson::array();
  for (std::size_t i = 0; i < words.size();) {
    std::string path;
    if (words[i] == "--file") {
      if (i + 1 == words.size()) return fail(ErrorCode::invalid_argument, "--file: needs a path");
      path = words[i + 1];
      words.erase(words.begin() + static_cast<std::ptrdiff_t>(i),
                  words.begin() + static_cast<std::ptrdiff_t>(i) + 2);
    } else if (words[i].starts_with("--file=")) {
      path = words[i].substr(std::string_view("--file=").size());
      words.erase(words.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
      continue;
    }
    ACLOUD_TRY(const std::string bytes, read_file(path));
    OrderedJson file{{"path", std::filesystem::path(path).filename().string()}};
    if (is_utf8(bytes)) {
      file["content"] = bytes;
    } else {
      file["content_base64"] = to_base64(bytes);
    }
    files.push_back(std::move(file));
  }
  return files;
}

Result<std::optional<OrderedJson>> take_agent(std::vector<std::string>& words, const ReadFile& read_file) {
  const auto flag = std::ranges::find(words, "--agent");
  if (flag == words.end() || flag + 1 == words.end()) return std::nullopt;
  std::string path = *(flag + 1);
  if (path == "default" || path.starts_with('{')) return std::nullopt;
  if (path.starts_with('@')) path.erase(0, 1);
  ACLOUD_TRY(const std::string text, read_file(path));
  if (const auto agent = parse_json(text); !agent || !agent->is_object()) {
    return fail(ErrorCode::invalid_argument, "--agent: {} holds no agent as JSON{}", path,
                agent ? "" : ": " + agent.error().message());
  }
  words.erase(flag, flag + 2);
  return OrderedJson::parse(text);
}

Task<Outcome<OrderedJson>> TaskCommand::call(std::string operation, OrderedJson fields) {
  net::Headers headers{{"Accept", "application/json"}, {"Content-Type", "application/json"}};
  if (operation == "task/run" && options_.idempotency_key)
    headers.add("Idempotency-Key", *options_.idempotency_key);
  auto response = co_await server_.post("/api/" + operation, std::move(headers), net::Body(fields.dump()));
  if (!response) co_return std::unexpected(std::move(response).error());
  const auto text = co_await response->body.read_all(kLargestAnswer);
  if (!text) co_return std::unexpected(Failure(text.error()));
  co_return parsed(*text);
}

Task<Outcome<int>> TaskCommand::run(OrderedJson fields) {
  ACLOUD_CO_TRY(const OrderedJson started, co_await call("task/run", std::move(fields)));
  co_return co_await tail(shown_at(started, "id"));
}

Task<Outcome<int>> TaskCommand::tail(std::string task) {
  ACLOUD_CO_CHECK(co_await follow(task));
  ACLOUD_CO_TRY(const OrderedJson ended, co_await call("task/get", {{"id", task}}));
  // A task that was cancelled before its first call has no receipt.
  const auto receipt = co_await call("usage/receipt", {{"task", task}});
  ACLOUD_CO_CHECK(finish(ended, receipt.value_or(OrderedJson::object())));
  co_return shown_at(ended, "state") == "succeeded" ? 0 : 1;
}

Task<Outcome<>> TaskCommand::follow(const std::string& task) {
  net::Headers headers{{"Accept", "text/event-stream"}, {"Content-Type", "application/json"}};
  auto response = co_await server_.post("/api/task/events", std::move(headers),
                                        net::Body(OrderedJson{{"id", task}}.dump()));
  if (!response) co_return std::unexpected(std::move(response).error());
  net::SseParser parser;
  for (;;) {
    const auto bytes = co_await response->body.read();
    if (!bytes) co_return std::unexpected(Failure(bytes.error()));
    if (bytes->empty()) {
      co_return std::unexpected(
          Failure(Error(ErrorCode::unavailable,
                        fmt::format("the stream ended before the task did; acloud task tail {}", task))));
    }
    std::vector<net::Event> events;
    ACLOUD_CO_CHECK(parser.feed(*bytes, events));
    for (const net::Event& event : events) {
      if (event.event == "error") co_return std::unexpected(failure_of(500, event.data, response->headers));
      if (event.event == "result") co_return Outcome<>();
      ACLOUD_CO_CHECK(show(event.event, parsed(event.data)));
    }
  }
}

Outcome<> TaskCommand::show(const std::string& name, const OrderedJson& data) {
  if (!for_people()) return output_.line({{"event", name}, {"data", data}});
  const std::int64_t at = number_at(data, "timestamp");
  if (first_ == 0) first_ = at;
  const std::string line = line_of(name, data);
  if (line.empty()) return {};
  return output_.bytes(
      fmt::format("{:8.2f} s {:>7}  {}\n", static_cast<double>(at - first_) / 1000,
                  data.contains("took_ms") ? fmt::format("{} ms", number_at(data, "took_ms")) : "", line));
}

std::string TaskCommand::line_of(const std::string& name, const OrderedJson& data) {
  if (name == "RUN_STARTED") return printable(shown_at(data, "threadId"));
  if (name == "STEP_FINISHED") {
    const std::string error =
        data.contains("error") ? "  failed: " + on_one_line(shown_at(data["error"], "message")) : "";
    return printable(shown_at(data, "stepName")) + error;
  }
  if (name == "TOOL_CALL_START") tools_[shown_at(data, "toolCallId")] = shown_at(data, "toolCallName");
  if (name == "TOOL_CALL_ARGS")
    return fmt::format("  calls {} {}", printable(tools_[shown_at(data, "toolCallId")]),
                       on_one_line(shown_at(data, "delta")));
  if (name == "TOOL_CALL_RESULT")
    return fmt::format("  {}: {}", printable(shown_at(data, "operation")),
                       on_one_line(shown_at(data, "content")));
  if (name == "TEXT_MESSAGE_CONTENT") return "  says " + on_one_line(shown_at(data, "delta"));
  if (name == "RUN_ERROR")
    return fmt::format("{}: {}", printable(shown_at(data, "code")), printable(shown_at(data, "message")));
  return "";
}

Outcome<> TaskCommand::finish(const OrderedJson& task, const OrderedJson& receipt) {
  if (!for_people()) {
    ACLOUD_CHECK(output_.line({{"event", "receipt"}, {"data", receipt}}));
    return output_.line({{"event", "result"}, {"data", output_.selected(task)}});
  }
  std::string page;
  const OrderedJson result = task.value("result", OrderedJson());
  for (const char* name : {"answer", "stdout", "stderr"}) {
    const std::string text = shown_at(result, name);
    if (!text.empty()) page += '\n' + printable(text, true) + '\n';
  }
  page += fmt::format("\n{}: {} calls, {} tokens read, {} written, cost {}\n",
                      printable(shown_at(task, "state")), number_at(receipt, "calls"),
                      number_at(receipt.value("tokens", OrderedJson()), "input_uncached") +
                          number_at(receipt.value("tokens", OrderedJson()), "cache_read"),
                      number_at(receipt.value("tokens", OrderedJson()), "output"),
                      printable(shown_at(receipt, "cost")));
  return output_.bytes(page);
}

Task<Outcome<int>> TaskCommand::trace(std::string task) {
  ACLOUD_CO_TRY(const OrderedJson reply, co_await call("task/events", {{"id", task}}));
  const std::vector<TraceStep> steps = steps_of(reply.value("items", OrderedJson::array()));
  if (!for_people()) {
    for (const TraceStep& step : steps) {
      ACLOUD_CO_CHECK(output_.line(
          {{"step", step.number}, {"name", step.name}, {"from_ms", step.from}, {"to_ms", step.to}}));
    }
    co_return 0;
  }
  std::int64_t first = std::numeric_limits<std::int64_t>::max();
  std::int64_t last = 0;
  for (const TraceStep& step : steps) {
    first = std::min(first, step.from);
    last = std::max(last, step.to);
  }
  const std::int64_t length = std::max<std::int64_t>(last - first, 1);
  for (const TraceStep& step : steps) {
    const std::int64_t from = (step.from - first) * kBar / length;
    const std::int64_t width = std::max<std::int64_t>((step.to - first) * kBar / length - from, 1);
    ACLOUD_CO_CHECK(output_.bytes(
        fmt::format("{:4} {:<24} |{:{}}{:#<{}}\n", step.number, printable(step.name), "", from, "", width)));
  }
  co_return 0;
}

// The newest kChildren of each task, kDepth deep: a page of all would be read by nobody.
Task<Outcome<Trace>> TaskCommand::gather(std::string task, int depth) {
  Trace trace;
  ACLOUD_CO_TRY(trace.task, co_await call("task/get", {{"id", task}}));
  ACLOUD_CO_TRY(const OrderedJson reply, co_await call("task/events", {{"id", task}}));
  trace.steps = steps_of(reply.value("items", OrderedJson::array()));
  const auto receipt = co_await call("usage/receipt", {{"task", task}});
  trace.receipt = receipt.value_or(OrderedJson());
  if (depth >= kDepth) co_return trace;
  const OrderedJson children = trace.task.value("children", OrderedJson::array());
  for (std::size_t i = std::min(children.size(), kChildren); i-- > 0;) {
    if (!children[i].is_string()) continue;
    ACLOUD_CO_TRY(Trace child, co_await gather(children[i].get<std::string>(), depth + 1));
    trace.children.push_back(std::move(child));
  }
  co_return trace;
}

Task<Outcome<int>> TaskCommand::trace_to(std::string task, std::string path) {
  ACLOUD_CO_TRY(const Trace trace, co_await gather(std::move(task), 0));
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << trace_page(trace);
  file.close();
  if (!file) {
    co_return std::unexpected(
        Failure(Error(ErrorCode::invalid_argument, fmt::format("--html: {} can't be written", path))));
  }
  co_return 0;
}

}  // namespace acloud::cli
