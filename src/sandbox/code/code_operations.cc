// The code operations of SandboxService.
#include "base/encoding.h"
#include "sandbox/code/contexts.h"
#include "sandbox/sandbox_service.h"

namespace acloud::sandbox {
namespace {

using kernel::Context;

constexpr std::chrono::seconds kStartPatience{30};
constexpr std::size_t kTokenBytes = 16;

CodeContext to_info(const code::Context& context) {
  return {.context = context.name,
          .language = context.language,
          .cwd = context.cwd,
          .execution_count = context.count};
}

Error took_too_long(std::chrono::milliseconds timeout, code::Ran& ran, bool kept) {
  const auto head = [](Output& output) {
    output.text.resize(std::min(output.text.size(), SandboxService::kOutputInErrors));
    return to_valid_utf8(output.text);
  };
  return Error(ErrorCode::deadline_exceeded,
               fmt::format(
                   "the code ran longer than timeout_s = {} and was interrupted; {}",
                   std::chrono::duration<double>(timeout).count(),
                   kept ? "its context is as it left it" : "it did not heed that, so its context is lost"))
      .with_detail("stdout", head(ran.out))
      .with_detail("stderr", head(ran.err))
      .with_detail("context_kept", kept);
}

Task<Result<>> tell_error(kernel::EventSink* events, const std::optional<CodeError>& error) {
  if (events == nullptr || !error) co_return Result<>();
  co_return co_await events->emit("error", encode(*error));
}

}  // namespace

Task<Result<>> SandboxService::start_interpreter(Context& context, Sandbox& sandbox, code::Context& where,
                                                 async::Deadline by) {
  where.interpreter.reset();
  where.count = 0;
  jail::Command base = base_command(sandbox.record(), {}, where.cwd);
  if (where.language == Language::python) {
    sandboxes_.note_code();
    if (base.cwd == kHome && base.env == plain_environment())
      where.interpreter = sandbox.contexts().take_spare();
    if (where.interpreter) co_return Result<>();
  }
  const auto patience = async::Deadline::after(kStartPatience).earlier(context.deadline()).earlier(by);
  ACLOUD_CO_TRY(where.interpreter,
                co_await code::Interpreter::start(sandbox, where.language, std::move(base),
                                                  context.random.hex(kTokenBytes), patience));
  co_return Result<>();
}

Task<Result<RanCode>> SandboxService::run_code(Context& context, RunCode request) {
  ACLOUD_CO_CHECK(check_environment(request.env));
  ACLOUD_CO_TRY(const Use sandbox, co_await use(context, request.id));
  ACLOUD_CO_TRY(const auto where, sandbox->contexts().find(std::move(request.context), request.language));
  const auto by = async::Deadline::after(request.timeout);
  ACLOUD_CO_TRY(const Lock::Held held, co_await where->lock.acquire(by));
  if (!where->interpreter || !where->interpreter->lives())
    ACLOUD_CO_CHECK(co_await start_interpreter(context, *sandbox, *where, by));
  ++where->count;
  const code::Cell cell{.code = std::move(request.code), .env = std::move(request.env)};
  ACLOUD_CO_TRY(code::Ran ran, co_await where->interpreter->run(cell, by, context.events(), kOutputKept));
  if (ran.timed_out)
    co_return std::unexpected(took_too_long(request.timeout, ran, where->interpreter->lives()));
  ACLOUD_CO_CHECK(co_await tell_error(context.events(), ran.error));
  co_return RanCode{.context = where->name,
                    .results = std::move(ran.results),
                    .out = std::move(ran.out.text),
                    .err = std::move(ran.err.text),
                    .out_truncated = ran.out.truncated,
                    .err_truncated = ran.err.truncated,
                    .results_truncated = ran.results_truncated,
                    .error = std::move(ran.error),
                    .execution_count = where->count};
}

Task<Result<CodeContext>> SandboxService::create_context(Context& context, CreateContext request) {
  ACLOUD_CO_TRY(const Use sandbox, co_await use(context, request.id));
  ACLOUD_CO_TRY(const auto made, sandbox->contexts().add("ctx_" + context.random.hex(8), request.language,
                                                         absolute_path(std::move(request.cwd))));
  ACLOUD_CO_TRY(const Lock::Held held, co_await made->lock.acquire(soon(context)));
  auto started = co_await start_interpreter(context, *sandbox, *made, async::Deadline::never());
  if (started) co_return to_info(*made);
  (void)sandbox->contexts().remove(made->name);
  co_return std::unexpected(std::move(started).error());
}

Task<Result<ContextList>> SandboxService::list_contexts(Context& context, SandboxName request) {
  ACLOUD_CO_TRY(const auto sandbox, co_await sandboxes_.find(context.workspace(), request.id));
  ContextList list;
  for (const auto& found : sandbox->contexts().all()) list.items.push_back(to_info(*found));
  co_return list;
}

Task<Result<ContextName>> SandboxService::remove_context(Context& context, ContextName request) {
  ACLOUD_CO_TRY(const Use sandbox, co_await use(context, request.id));
  // A cell that runs in it comes to its end; then the interpreter goes with the last who knows it.
  ACLOUD_CO_CHECK(sandbox->contexts().remove(request.context));
  co_return request;
}

Task<Result<CodeContext>> SandboxService::restart_context(Context& context, ContextName request) {
  ACLOUD_CO_TRY(const Use sandbox, co_await use(context, request.id));
  ACLOUD_CO_TRY(const auto where, sandbox->contexts().find(request.context, {}));
  ACLOUD_CO_TRY(const Lock::Held held, co_await where->lock.acquire(soon(context)));
  ACLOUD_CO_CHECK(co_await start_interpreter(context, *sandbox, *where, async::Deadline::never()));
  co_return to_info(*where);
}

}  // namespace acloud::sandbox
