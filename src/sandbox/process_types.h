// The requests and replies of the process operations of product `sandbox`.
#pragma once

#include "sandbox/sandbox_types.h"

namespace acloud::sandbox {

// "SIGTERM", "TERM" or "15".
bool is_signal(std::string_view text);
inline constexpr std::string_view kSignalRule = "a signal such as SIGTERM or 15";
// 1 to 64 of [A-Za-z0-9_.-].
bool is_tag(std::string_view text);
inline constexpr std::string_view kTagRule = "1 to 64 of A-Z, a-z, 0-9, '_', '.', '-'";

// How bytes are told in events.
enum class Encoding { text, base64 };
constexpr auto enum_names(Encoding) {
  return std::array<std::pair<Encoding, std::string_view>, 2>{
      {{Encoding::text, "text"}, {Encoding::base64, "base64"}}};
}

struct Terminal {
  std::int64_t rows = 24;
  std::int64_t columns = 80;
  static constexpr auto schema = fields(field("rows", &Terminal::rows, "Lines.", between(1, 10'000)),
                                        field("columns", &Terminal::columns, "Letters.", between(1, 10'000)));
};

struct StartProcess {
  std::string id;
  std::variant<std::string, std::vector<std::string>> command;
  std::optional<std::string> cwd;
  std::map<std::string, std::string> env;
  std::string user = "root";
  std::optional<std::string> tag;
  std::optional<Terminal> pty;
  bool takes_input = false;
  std::optional<std::chrono::milliseconds> timeout;
  Encoding encoding = Encoding::text;
  static constexpr auto schema =
      fields(field("id", &StartProcess::id, "Where.", required, length(1, 64)),
             field("command", &StartProcess::command,
                   "A string is run by /bin/bash -lc; an array as it is: program and arguments.", required),
             field("cwd", &StartProcess::cwd, "The folder to run in. Absent: the user's home.",
                   form(is_path, kPathRule)),
             field("env", &StartProcess::env, "Environment, beside the sandbox's own."),
             field("user", &StartProcess::user, "Name or number of the user to run as.", length(1, 64)),
             field("tag", &StartProcess::tag, "A name of yours, shown in the list.", form(is_tag, kTagRule)),
             field("pty", &StartProcess::pty, "Give it a terminal of this size."),
             field("takes_input", &StartProcess::takes_input,
                   "Keep its standard input open for write_stdin. Always so with a terminal."),
             field("timeout_s", &StartProcess::timeout,
                   "Killed with all that it started after this long. Absent: never.",
                   between(std::chrono::milliseconds(1), std::chrono::hours(24 * 365))),
             field("encoding", &StartProcess::encoding,
                   "How output is told in events: bytes that are no text need base64."));
};

struct ProcessInfo {
  std::int64_t pid = 0;
  std::vector<std::string> command;
  std::string cwd;
  std::optional<std::string> tag;
  bool pty = false;
  Time started{};
  bool running = true;
  std::optional<std::int64_t> exit_code;
  bool timed_out = false;
  static constexpr auto schema =
      fields(field("pid", &ProcessInfo::pid, "Its number in the sandbox."),
             field("command", &ProcessInfo::command, "Program and arguments."),
             field("cwd", &ProcessInfo::cwd, "Where it began."),
             field("tag", &ProcessInfo::tag, "The name it was given."),
             field("pty", &ProcessInfo::pty, "It has a terminal."),
             field("started", &ProcessInfo::started, "When it was started."),
             field("running", &ProcessInfo::running, "It has not ended."),
             field("exit_code", &ProcessInfo::exit_code,
                   "As shells have it: 128 + N where signal N ended it. Absent while it runs."),
             field("timed_out", &ProcessInfo::timed_out, "It was killed for its time."));
};

struct ProcessList {
  std::vector<ProcessInfo> items;
  static constexpr auto schema =
      fields(field("items", &ProcessList::items, "In the order of their numbers."));
};

struct ProcessName {
  std::string id;
  std::int64_t pid = 0;
  static constexpr auto schema = fields(field("id", &ProcessName::id, "Where.", required, length(1, 64)),
                                        field("pid", &ProcessName::pid, "Which.", required, at_least(1)));
};

struct FollowProcess {
  std::string id;
  std::int64_t pid = 0;
  bool from_beginning = true;
  Encoding encoding = Encoding::text;
  static constexpr auto schema =
      fields(field("id", &FollowProcess::id, "Where.", required, length(1, 64)),
             field("pid", &FollowProcess::pid, "Which.", required, at_least(1)),
             field("from_beginning", &FollowProcess::from_beginning,
                   "First what is kept of its output so far: the last 256 KiB."),
             field("encoding", &FollowProcess::encoding, "How output is told in events."));
};

struct FollowedProcess {
  std::int64_t exit_code = 0;
  std::string out;
  std::string err;
  std::string pty;
  bool truncated = false;
  bool timed_out = false;
  static constexpr auto schema =
      fields(field("exit_code", &FollowedProcess::exit_code, "As shells have it."),
             field("stdout", &FollowedProcess::out, "What it wrote there."),
             field("stderr", &FollowedProcess::err, "What it wrote there."),
             field("pty", &FollowedProcess::pty, "What its terminal showed."),
             field("truncated", &FollowedProcess::truncated,
                   "More was written than is shown: 4 MiB of each from where it was followed."),
             field("timed_out", &FollowedProcess::timed_out, "It was killed for its time."));
};

struct WriteStdin {
  std::string id;
  std::int64_t pid = 0;
  std::optional<std::string> content;
  std::optional<std::string> content_base64;
  bool close = false;
  static constexpr auto schema =
      fields(field("id", &WriteStdin::id, "Where.", required, length(1, 64)),
             field("pid", &WriteStdin::pid, "Which.", required, at_least(1)),
             field("content", &WriteStdin::content, "What it shall read, as text.", length(0, 1 << 20)),
             field("content_base64", &WriteStdin::content_base64, "The same in base64.", length(0, 1 << 21)),
             field("close", &WriteStdin::close, "Then the end of its input."));
};

enum class Whom { process, group, tree };
constexpr auto enum_names(Whom) {
  return std::array<std::pair<Whom, std::string_view>, 3>{
      {{Whom::process, "process"}, {Whom::group, "group"}, {Whom::tree, "tree"}}};
}

struct SignalProcess {
  std::string id;
  std::int64_t pid = 0;
  std::string signal = "SIGTERM";
  Whom whom = Whom::group;
  static constexpr auto schema =
      fields(field("id", &SignalProcess::id, "Where.", required, length(1, 64)),
             field("pid", &SignalProcess::pid, "Which.", required, at_least(1)),
             field("signal", &SignalProcess::signal, "By name or number.", form(is_signal, kSignalRule)),
             field("whom", &SignalProcess::whom,
                   "It alone, its process group, or all that it started: that takes SIGKILL alone."));
};

struct ResizeTerminal {
  std::string id;
  std::int64_t pid = 0;
  std::int64_t rows = 24;
  std::int64_t columns = 80;
  static constexpr auto schema =
      fields(field("id", &ResizeTerminal::id, "Where.", required, length(1, 64)),
             field("pid", &ResizeTerminal::pid, "Which.", required, at_least(1)),
             field("rows", &ResizeTerminal::rows, "Lines.", required, between(1, 10'000)),
             field("columns", &ResizeTerminal::columns, "Letters.", required, between(1, 10'000)));
};

}  // namespace acloud::sandbox
