// The process operations of SandboxService: programs that run whether or not a call waits for them.
#include <array>
#include <charconv>
#include <csignal>
#include <cstring>

#include "base/encoding.h"
#include "sandbox/converse.h"
#include "sandbox/sandbox_service.h"
#include "sandbox/utf8_pieces.h"

namespace acloud::sandbox {
namespace {

using kernel::Context;

constexpr std::size_t kInputPiece = 64 << 10;

ProcessInfo to_info(const Program& program) {
  const auto exit = program.exit();
  const jail::Command& command = program.command();
  ProcessInfo info{.pid = program.pid(),
                   .command = {},
                   .cwd = to_valid_utf8(command.cwd),
                   .tag = program.label().tag,
                   .pty = command.stdio == jail::Command::Stdio::pty,
                   .started = program.label().started,
                   .running = !program.ended(),
                   .exit_code = {},
                   .timed_out = program.timed_out()};
  for (const std::string& word : command.argv) info.command.push_back(to_valid_utf8(word));
  if (exit) info.exit_code = exit->shell_code();
  return info;
}

// Tells output as it comes, then the end.
class Teller {
 public:
  Teller(kernel::EventSink& events, Encoding encoding) : events_(events), encoding_(encoding) {}

  Task<Result<>> tell(const OutputLog::Piece& piece) {
    if (encoding_ == Encoding::base64) {
      co_return co_await emit(piece.source, R"({"base64":")" + to_base64(piece.bytes) + "\"}");
    }
    co_return co_await tell_text(piece.source, pieces_[index(piece.source)].add(piece.bytes));
  }
  Task<Result<>> finish() {
    for (const Source source : {Source::out, Source::err, Source::pty})
      ACLOUD_CO_CHECK(co_await tell_text(source, pieces_[index(source)].finish()));
    co_return Result<>();
  }

 private:
  static std::size_t index(Source source) { return static_cast<std::size_t>(source); }
  Task<Result<>> tell_text(Source source, std::string text) {
    if (text.empty()) co_return Result<>();
    std::string data = R"({"text":)";
    append_json_string(data, text);
    co_return co_await emit(source, data + '}');
  }
  Task<Result<>> emit(Source source, std::string data) {
    co_return co_await events_.emit(enum_names(source)[index(source)].second, std::move(data));
  }

  kernel::EventSink& events_;
  const Encoding encoding_;
  std::array<Utf8Pieces, 3> pieces_;
};

Result<jail::Exit> exit_of(const Program& program) {
  if (const auto exit = program.exit()) return *exit;
  if (program.ended())
    return fail(ErrorCode::unavailable, "process {} has ended with its sandbox", program.pid());
  return fail(ErrorCode::unavailable, "the server is stopping; process {} goes on, follow it again",
              program.pid());
}

// Events to the end of a program; a reader who goes away leaves it running.
Task<Result<>> tell_all(kernel::EventSink& events, OutputLog::Reader& reader, const Program& program,
                        Encoding encoding) {
  Teller teller(events, encoding);
  for (;;) {
    ACLOUD_CO_TRY(const auto piece, co_await reader.next());
    if (!piece) break;
    ACLOUD_CO_CHECK(co_await teller.tell(*piece));
  }
  ACLOUD_CO_CHECK(co_await teller.finish());
  ACLOUD_CO_TRY(const jail::Exit exit, exit_of(program));
  std::string data =
      fmt::format(R"({{"exit_code":{},"timed_out":{}}})", exit.shell_code(), program.timed_out());
  co_return co_await events.emit("exit", std::move(data));
}

Result<std::shared_ptr<Program>> find(const Use& sandbox, std::int64_t pid) {
  if (auto program = sandbox->find_program(pid)) return program;
  return fail(ErrorCode::not_found, "no process {}; sandbox.list_processes shows those that there are", pid);
}

std::optional<int> to_signal(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size())
    return number >= 1 && number < NSIG ? std::optional(number) : std::nullopt;
  if (text.starts_with("SIG")) text.remove_prefix(3);
  for (number = 1; number < NSIG; ++number) {
    const char* name = ::sigabbrev_np(number);
    if (name != nullptr && text == name) return number;
  }
  return std::nullopt;
}

}  // namespace

bool is_signal(std::string_view text) { return to_signal(text).has_value(); }

bool is_tag(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) || c == '_' || c == '.' || c == '-');
  });
}

Task<Result<ProcessInfo>> SandboxService::start_process(Context& context, StartProcess request) {
  ACLOUD_CO_TRY(auto found, co_await sandboxes_.find(context.workspace(), request.id));
  const Use sandbox(std::move(found));
  ACLOUD_CO_TRY(jail::Command command, co_await to_command(*sandbox, {.command = std::move(request.command),
                                                                      .cwd = std::move(request.cwd),
                                                                      .env = std::move(request.env),
                                                                      .user = std::move(request.user)}));
  if (request.pty) {
    command.stdio = jail::Command::Stdio::pty;
    command.window = {static_cast<std::uint16_t>(request.pty->rows),
                      static_cast<std::uint16_t>(request.pty->columns)};
  }
  Label label{.tag = std::move(request.tag),
              .started = context.clock.now(),
              .takes_input = request.takes_input || request.pty,
              .deadline = {},
              .once = context.once()};
  if (request.timeout) label.deadline = label.started + *request.timeout;
  ACLOUD_CO_TRY(const Sandbox::Started started,
                co_await sandbox->start_program(std::move(command), std::move(label), soon(context)));
  const Program& program = *started.program;
  if (context.events() != nullptr) {
    ACLOUD_CO_CHECK(co_await context.events()->emit("start", fmt::format(R"({{"pid":{}}})", program.pid())));
    ACLOUD_CO_CHECK(co_await tell_all(*context.events(), *started.output, program, request.encoding));
  }
  co_return to_info(program);
}

Task<Result<ProcessList>> SandboxService::list_processes(Context& context, SandboxName request) {
  ACLOUD_CO_TRY(const Use sandbox, co_await use(context, request.id));
  ProcessList list;
  for (const auto& program : sandbox->programs()) {
    if (!program->label().collects) list.items.push_back(to_info(*program));
  }
  co_return list;
}

Task<Result<FollowedProcess>> SandboxService::follow_process(Context& context, FollowProcess request) {
  ACLOUD_CO_TRY(const Use sandbox, co_await use(context, request.id));
  ACLOUD_CO_TRY(const auto program, find(sandbox, request.pid));
  OutputLog::Reader reader(program->output(), request.from_beginning);
  FollowedProcess followed;
  if (context.events() != nullptr) {
    ACLOUD_CO_CHECK(co_await tell_all(*context.events(), reader, *program, request.encoding));
  } else {
    std::array<Output, 3> outputs;
    for (;;) {
      ACLOUD_CO_TRY(const auto piece, co_await reader.next());
      if (!piece) break;
      outputs[static_cast<std::size_t>(piece->source)].add(piece->bytes, kOutputKept);
    }
    followed.truncated = std::ranges::any_of(outputs, &Output::truncated) ||
                         (request.from_beginning && program->output().cut());
    followed.out = to_valid_utf8(outputs[0].text);
    followed.err = to_valid_utf8(outputs[1].text);
    followed.pty = to_valid_utf8(outputs[2].text);
  }
  ACLOUD_CO_TRY(const jail::Exit exit, exit_of(*program));
  followed.exit_code = exit.shell_code();
  followed.timed_out = program->timed_out();
  co_return followed;
}

Task<Result<ProcessInfo>> SandboxService::write_stdin(Context& context, WriteStdin request) {
  ACLOUD_CO_TRY(const Use sandbox, co_await use(context, request.id));
  ACLOUD_CO_TRY(const auto program, find(sandbox, request.pid));
  std::string bytes = std::move(request.content).value_or("");
  if (request.content_base64) {
    auto decoded = from_base64(*request.content_base64);
    if (!decoded) co_return std::unexpected(std::move(decoded).error().within("content_base64"));
    bytes += *decoded;
  }
  for (std::size_t at = 0; at < bytes.size(); at += kInputPiece)
    ACLOUD_CO_CHECK(co_await program->write(bytes.substr(at, kInputPiece), soon(context)));
  if (request.close) ACLOUD_CO_CHECK(program->close_input());
  co_return to_info(*program);
}

Task<Result<ProcessInfo>> SandboxService::signal_process(Context& context, SignalProcess request) {
  ACLOUD_CO_TRY(const Use sandbox, co_await use(context, request.id));
  ACLOUD_CO_TRY(const auto program, find(sandbox, request.pid));
  constexpr std::array kScopes{jail::Scope::process, jail::Scope::group, jail::Scope::tree};
  ACLOUD_CO_CHECK(
      program->signal(*to_signal(request.signal), kScopes[static_cast<std::size_t>(request.whom)]));
  co_return to_info(*program);
}

Task<Result<ProcessInfo>> SandboxService::resize_terminal(Context& context, ResizeTerminal request) {
  ACLOUD_CO_TRY(const Use sandbox, co_await use(context, request.id));
  ACLOUD_CO_TRY(const auto program, find(sandbox, request.pid));
  ACLOUD_CO_CHECK(program->resize(
      {static_cast<std::uint16_t>(request.rows), static_cast<std::uint16_t>(request.columns)}));
  co_return to_info(*program);
}

}  // namespace acloud::sandbox
