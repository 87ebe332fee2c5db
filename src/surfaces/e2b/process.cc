// process.Process: programs in a sandbox, each one of sandbox.start_process, so that it outlives the stream
// that started it.
#include "base/encoding.h"
#include "surfaces/e2b/e2b.h"
#include "surfaces/e2b/shapes.h"
#include "surfaces/e2b/streams.h"

namespace acloud::surfaces::e2b {
namespace {

constexpr double kTimeoutMost = 31'536'000;

Json event(const char* kind, Json data) { return {{"event", {{kind, std::move(data)}}}}; }

// Events of sandbox.start_process and follow_process as frames.
class ProcessFrames final : public FrameSink {
 public:
  using FrameSink::FrameSink;

  Task<Result<>> emit(std::string_view name, std::string data) override {
    ACLOUD_CO_TRY(const Json json, parse_json(data));
    if (name == "start") co_return co_await tell(event("start", {{"pid", json.value("pid", 0)}}));
    if (name == "exit") {
      if (json.value("timed_out", false))
        co_return fail(ErrorCode::deadline_exceeded, "the command ran longer than it was given");
      const int code = json.value("exit_code", 0);
      co_return co_await tell(event(
          "end", {{"exitCode", code}, {"exited", true}, {"status", fmt::format("exit status {}", code)}}));
    }
    co_return co_await tell(event("data", {{std::string(name), json.value("base64", "")}}));
  }
};

Result<Json> to_start(const std::string& sandbox, const Json& message) {
  if (!message.is_object() || !message.contains("process") || !message["process"].is_object())
    return fail(ErrorCode::invalid_argument, "process: say what to start");
  const Json& process = message["process"];
  ACLOUD_TRY(const std::string program, text_member(process, "cmd"));
  ACLOUD_TRY(const std::string cwd, text_member(process, "cwd"));
  ACLOUD_TRY(const std::string tag, text_member(message, "tag"));
  Json arguments{{"id", sandbox}, {"command", Json::array({program})}, {"encoding", "base64"}};
  for (const Json& argument : process.value("args", Json::array())) arguments["command"].push_back(argument);
  if (process.contains("envs")) arguments["env"] = process["envs"];
  if (!cwd.empty()) arguments["cwd"] = cwd;
  if (!tag.empty()) arguments["tag"] = tag;
  if (message.value("stdin", Json()) == Json(true)) arguments["takes_input"] = true;
  if (message.contains("pty")) {
    const Json size =
        message["pty"].is_object() ? message["pty"].value("size", Json::object()) : Json::object();
    ACLOUD_TRY(const std::int64_t rows, number_member(size, "rows", 24));
    ACLOUD_TRY(const std::int64_t columns, number_member(size, "cols", 80));
    arguments["pty"] = {{"rows", rows}, {"columns", columns}};
  }
  return arguments;
}

// The user of the sandbox that Basic names: "" for none.
std::string user_of(const net::Headers& headers) {
  std::string_view value = headers.value("authorization");
  constexpr std::string_view kBasic = "Basic ";
  if (!value.starts_with(kBasic)) return "";
  const auto pair = from_base64(value.substr(kBasic.size()));
  return pair ? pair->substr(0, pair->find(':')) : "";
}

Json to_listed(const Json& info) {
  const Json command = info.value("command", Json::array());
  Json config{
      {"cmd", command.empty() ? Json("") : command[0]}, {"args", Json::array()}, {"envs", Json::object()}};
  for (std::size_t i = 1; i < command.size(); ++i) config["args"].push_back(command[i]);
  if (info.contains("cwd")) config["cwd"] = info["cwd"];
  Json listed{{"config", std::move(config)}, {"pid", info.value("pid", 0)}};
  if (info.contains("tag")) listed["tag"] = info["tag"];
  return listed;
}

std::string signal_name(const Json& message) {
  const Json signal = message.value("signal", Json());
  if (signal == Json("SIGNAL_SIGKILL") || signal == Json(9)) return "SIGKILL";
  return signal == Json("SIGNAL_SIGTERM") || signal == Json(15) ? "SIGTERM" : "";
}

}  // namespace

Task<Result<net::Response>> E2b::start_process(Asked& asked) {
  ACLOUD_CO_TRY(const std::string body, co_await asked.request.body.read_all(kJsonBytes));
  ACLOUD_CO_TRY(const Json message, unframe(body));
  ACLOUD_CO_TRY(Json arguments, to_start(asked.sandbox, message));
  if (const auto given = asked.request.headers.get("connect-timeout-ms")) {
    const double timeout = std::atof(std::string(*given).c_str()) / 1000;
    if (timeout > 0) arguments["timeout_s"] = std::clamp(timeout, 0.001, kTimeoutMost);
  }
  if (const std::string user = user_of(asked.request.headers); !user.empty()) arguments["user"] = user;
  co_return stream<ProcessFrames>(path_, asked.caller,
                                  new_call(asked, "sandbox.start_process", std::move(arguments)));
}

Task<Result<Json>> E2b::find_process(Asked& asked, const Json& message) {
  const Json selector = message.is_object() ? message.value("process", Json::object()) : Json::object();
  ACLOUD_CO_TRY(const std::int64_t pid, number_member(selector, "pid", 0));
  ACLOUD_CO_TRY(const std::string tag, text_member(selector, "tag"));
  ACLOUD_CO_TRY(const Json list, co_await call(asked, "sandbox.list_processes", {{"id", asked.sandbox}}));
  for (const Json& info : list["items"]) {
    const bool meant = tag.empty() ? info.value("pid", std::int64_t{0}) == pid : info.value("tag", "") == tag;
    if (meant && info.value("running", false)) co_return info;
  }
  co_return fail(ErrorCode::not_found, "no process {} runs in the sandbox",
                 tag.empty() ? std::to_string(pid) : tag);
}

Task<Result<net::Response>> E2b::connect_process(Asked& asked) {
  ACLOUD_CO_TRY(const std::string body, co_await asked.request.body.read_all(kJsonBytes));
  ACLOUD_CO_TRY(const Json message, unframe(body));
  ACLOUD_CO_TRY(const Json info, co_await find_process(asked, message));
  Json arguments{
      {"id", asked.sandbox}, {"pid", info["pid"]}, {"from_beginning", false}, {"encoding", "base64"}};
  co_return stream<ProcessFrames>(path_, asked.caller,
                                  new_call(asked, "sandbox.follow_process", std::move(arguments)),
                                  frame(event("start", {{"pid", info["pid"]}})));
}

Task<Result<Json>> E2b::send_input(Asked& asked, const Json& process, const Json& message) {
  const Json input = message.value("input", Json::object());
  ACLOUD_CO_TRY(const std::string to_stdin, text_member(input, "stdin"));
  ACLOUD_CO_TRY(const std::string to_pty, text_member(input, "pty"));
  co_return co_await call(asked, "sandbox.write_stdin",
                          {{"id", asked.sandbox},
                           {"pid", process["pid"]},
                           {"content_base64", to_stdin.empty() ? to_pty : to_stdin}});
}

Task<Result<Json>> E2b::process(Asked& asked, std::string_view method, const Json& message) {
  if (method == "List") {
    ACLOUD_CO_TRY(const Json list, co_await call(asked, "sandbox.list_processes", {{"id", asked.sandbox}}));
    Json running = Json::array();
    for (const Json& info : list["items"]) {
      if (info.value("running", false)) running.push_back(to_listed(info));
    }
    co_return Json{{"processes", std::move(running)}};
  }
  ACLOUD_CO_TRY(const Json info, co_await find_process(asked, message));
  if (method == "SendInput") {
    ACLOUD_CO_CHECK(co_await send_input(asked, info, message));
    co_return Json::object();
  }
  Json arguments{{"id", asked.sandbox}, {"pid", info["pid"]}};
  if (method == "CloseStdin") {
    arguments["close"] = true;
    ACLOUD_CO_CHECK(co_await call(asked, "sandbox.write_stdin", std::move(arguments)));
    co_return Json::object();
  }
  if (method == "Update") {
    const Json pty = message.value("pty", Json::object());
    const Json size = pty.is_object() ? pty.value("size", Json::object()) : Json::object();
    ACLOUD_CO_TRY(arguments["rows"], number_member(size, "rows", 24));
    ACLOUD_CO_TRY(arguments["columns"], number_member(size, "cols", 80));
    ACLOUD_CO_CHECK(co_await call(asked, "sandbox.resize_terminal", std::move(arguments)));
    co_return Json::object();
  }
  if (method != "SendSignal")
    co_return fail(ErrorCode::not_found, "process.Process has no method {} here", method);
  const std::string name = signal_name(message);
  if (name.empty()) co_return fail(ErrorCode::invalid_argument, "signal: SIGTERM and SIGKILL are taken");
  arguments["signal"] = name;
  arguments["whom"] = name == "SIGKILL" ? "tree" : "group";
  ACLOUD_CO_CHECK(co_await call(asked, "sandbox.signal_process", std::move(arguments)));
  co_return Json::object();
}

}  // namespace acloud::surfaces::e2b
