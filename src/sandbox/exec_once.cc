// sandbox.exec of a call that has a name: the command is a process that init keeps under that name, until the
// call's reply is on disk. A call that is made again finds it, running or ended, and gives what came of it.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sandbox/sandbox_service.h"
#include "sandbox/utf8_pieces.h"

namespace acloud::sandbox {
namespace {

// What a command reads, whole before it begins: nobody has to go on feeding it after a crash.
Result<jail::Fd> input_file(std::string_view bytes) {
  const jail::Fd file(::memfd_create("stdin", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return fail_errno(errno, "a file for the command's input");
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0) return fail_errno(errno, "the command's input");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  (void)::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
  const std::string name = fmt::format("/proc/self/fd/{}", file.get());
  jail::Fd reading(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!reading) return fail_errno(errno, "the command's input");
  return reading;
}

Task<Result<>> tell(kernel::EventSink* events, std::string_view name, std::string_view text) {
  if (events == nullptr || text.empty()) co_return Result<>();
  std::string data = R"({"text":)";
  append_json_string(data, text);
  co_return co_await events->emit(name, data + '}');
}

// Waits for the end, and tells output as it comes. Errors: cancelled: the command goes on.
Task<Result<>> follow(kernel::EventSink* events, OutputLog::Reader& reader) {
  Utf8Pieces out, err;
  for (;;) {
    ACLOUD_CO_TRY(const auto piece, co_await reader.next());
    if (!piece) break;
    if (events == nullptr) continue;
    const bool is_out = piece->source == Source::out;
    ACLOUD_CO_CHECK(
        co_await tell(events, is_out ? "stdout" : "stderr", (is_out ? out : err).add(piece->bytes)));
  }
  ACLOUD_CO_CHECK(co_await tell(events, "stdout", out.finish()));
  co_return co_await tell(events, "stderr", err.finish());
}

}  // namespace

Task<Result<Executed>> SandboxService::exec_once(kernel::Context& context, Sandbox& sandbox, Execute request,
                                                 jail::Command command) {
  kernel::EventSink* events = context.events();
  ACLOUD_CO_TRY(jail::Fd input, input_file(request.input.value_or("")));
  Label label{.tag = {},
              .started = context.clock.now(),
              .takes_input = false,
              .deadline = context.clock.now() + request.timeout,
              .once = context.once(),
              .collects = true};
  ACLOUD_CO_TRY(const Sandbox::Started started,
                co_await sandbox.start_program(std::move(command), std::move(label),
                                               soon(context).earlier(async::Deadline::after(request.timeout)),
                                               std::move(input)));
  const Program& program = *started.program;
  if (events != nullptr)
    ACLOUD_CO_CHECK(co_await events->emit("start", fmt::format(R"({{"pid":{}}})", program.pid())));
  // One that was begun before is told when it is over: what the log has of it may not be all.
  ACLOUD_CO_CHECK(co_await follow(started.found ? nullptr : events, *started.output));
  const auto exit = program.exit();
  if (!exit && program.ended())
    co_return fail(ErrorCode::unavailable, "the command has ended with its sandbox");
  if (!exit) {
    co_return fail(ErrorCode::unavailable,
                   "the server is stopping; the command goes on, ask again with the same idempotency key");
  }
  ACLOUD_CO_TRY(Output out, program.collected()->read(Source::out));
  ACLOUD_CO_TRY(Output err, program.collected()->read(Source::err));
  if (program.timed_out())
    co_return std::unexpected(took_too_long(request.timeout, std::move(out), std::move(err)));
  if (started.found) {
    ACLOUD_CO_CHECK(co_await tell(events, "stdout", to_valid_utf8(out.text)));
    ACLOUD_CO_CHECK(co_await tell(events, "stderr", to_valid_utf8(err.text)));
  }
  Executed done{.exit_code = exit->shell_code(),
                .out = std::move(out.text),
                .err = std::move(err.text),
                .out_truncated = out.truncated,
                .err_truncated = err.truncated,
                .cpu_s = std::chrono::duration<double>(exit->cpu_time).count()};
  // Only what is on disk lets go of the process.
  ACLOUD_CO_CHECK(co_await context.commit([&done](store::Transaction&) -> Result<Executed> { return done; }));
  ACLOUD_CO_CHECK(co_await context.durable());
  sandbox.forget(program.pid());
  if (events != nullptr)
    ACLOUD_CO_CHECK(co_await events->emit("exit", fmt::format(R"({{"exit_code":{}}})", done.exit_code)));
  co_return done;
}

}  // namespace acloud::sandbox
