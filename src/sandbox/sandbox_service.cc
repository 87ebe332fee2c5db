#include "sandbox/sandbox_service.h"

#include <csignal>

#include "base/encoding.h"
#include "sandbox/converse.h"
#include "sandbox/users.h"

namespace acloud::sandbox {
namespace {

using kernel::Context;

constexpr std::chrono::seconds kLongest{20};
constexpr std::int64_t kBytesPerInode = 4096;

Result<> check_metadata(const std::map<std::string, std::string>& metadata) {
  std::size_t size = 0;
  for (const auto& [name, value] : metadata) size += name.size() + value.size();
  if (size <= SandboxService::kMetadataMost) return {};
  return fail(ErrorCode::too_large, "metadata: {} bytes are more than {}", size,
              SandboxService::kMetadataMost);
}

bool has_all(const std::map<std::string, std::string>& metadata,
             const std::map<std::string, std::string>& wanted) {
  return std::ranges::all_of(wanted, [&](const auto& word) {
    const auto found = metadata.find(word.first);
    return found != metadata.end() && found->second == word.second;
  });
}

SandboxUsage to_usage(const jail::Stats& stats) {
  const auto bytes = [](std::uint64_t value) { return ByteCount{static_cast<std::int64_t>(value)}; };
  return {.memory = bytes(stats.memory_bytes),
          .memory_peak = bytes(stats.memory_peak_bytes),
          .disk = bytes(stats.disk_bytes),
          .cpu_s = std::chrono::duration<double>(stats.cpu_time).count(),
          .processes = static_cast<std::int64_t>(stats.processes),
          .disk_inodes = static_cast<std::int64_t>(stats.disk_inodes),
          .oom_kills = static_cast<std::int64_t>(stats.oom_kills)};
}

}  // namespace

Error took_too_long(std::chrono::milliseconds timeout, Output out, Output err) {
  const auto head = [](Output& output) {
    output.text.resize(std::min(output.text.size(), SandboxService::kOutputInErrors));
    return to_valid_utf8(output.text);
  };
  return Error(ErrorCode::deadline_exceeded,
               fmt::format(
                   "the command ran longer than timeout_s = {} and was killed with all that it had started",
                   std::chrono::duration<double>(timeout).count()))
      .with_detail("stdout", head(out))
      .with_detail("stderr", head(err));
}

SandboxInfo to_info(const Record& record) {
  SandboxInfo info{.id = record.id,
                   .state = record.paused ? SandboxState::paused : SandboxState::running,
                   .image = record.image,
                   .created = record.created,
                   .idle_timeout = record.idle_timeout,
                   .deadline = record.deadline,
                   .metadata = record.metadata,
                   .limits = record.limits,
                   .egress = record.egress,
                   .kept = {},
                   .usage = {},
                   .not_enforced = {}};
  if (record.paused) info.kept = record.kept;
  return info;
}

async::Deadline soon(const Context& context) {
  return async::Deadline::after(kLongest).earlier(context.deadline());
}

Result<> check_environment(const std::map<std::string, std::string>& env) {
  std::size_t size = 0;
  for (const auto& [name, value] : env) {
    size += name.size() + value.size() + 2;
    const bool fits = !name.empty() && name.find_first_of(std::string_view("=\0", 2)) == std::string::npos &&
                      value.find('\0') == std::string::npos;
    if (!fits) {
      return fail(ErrorCode::invalid_argument,
                  "env: \"{}\": names are not empty and have no '=', and there is no NUL",
                  to_valid_utf8(name.substr(0, 100)));
    }
  }
  if (size <= SandboxService::kEnvironmentMost) return {};
  return fail(ErrorCode::too_large, "env: {} bytes are more than {}; put them into a file", size,
              SandboxService::kEnvironmentMost);
}

Task<Result<jail::Command>> SandboxService::to_command(Sandbox& sandbox, Wanted wanted) {
  User user;
  if (wanted.user != user.name) {
    ACLOUD_CO_TRY(const Place place, co_await place_of(sandbox, async::Deadline::after(kLongest)));
    ACLOUD_CO_TRY(user, co_await async::run_blocking(
                            blocking_, [&place, &wanted] { return look_up_user(place, wanted.user); }));
    wanted.env.insert({{"HOME", user.home}, {"USER", user.name}, {"LOGNAME", user.name}});
  }
  std::string cwd = absolute_path(std::move(wanted.cwd).value_or(user.home), user.home);
  jail::Command command = base_command(sandbox.record(), std::move(wanted.env), std::move(cwd));
  if (auto* line = std::get_if<std::string>(&wanted.command)) {
    command.argv = {"/bin/bash", "-lc", std::move(*line)};
  } else {
    command.argv = std::move(std::get<std::vector<std::string>>(wanted.command));
  }
  command.uid = user.uid;
  command.gid = user.gid;
  co_return command;
}

Task<Result<SandboxInfo>> SandboxService::create(Context& context, CreateSandbox request) {
  ACLOUD_CO_CHECK(check_environment(request.env));
  ACLOUD_CO_CHECK(check_metadata(request.metadata));
  ACLOUD_CO_CHECK(egress::Rules::parse(request.egress.allow, request.egress.deny));
  Record record{.id = {},
                .workspace = context.workspace(),
                .image = {},
                .created = context.clock.now(),
                .idle_timeout = request.idle_timeout,
                .deadline = {},
                .env = std::move(request.env),
                .metadata = std::move(request.metadata),
                .limits = request.limits,
                .layers = {},
                .egress = std::move(request.egress),
                .keeps_idle = request.keeps_idle,
                .once = context.once(),
                .task = {}};
  const auto task = record.metadata.find("task");
  if (task != record.metadata.end() && task->second == context.caller.principal) record.task = task->second;
  // A small disk has no room for the tables of many files.
  record.limits.disk_inodes = std::min(record.limits.disk_inodes, record.limits.disk.value / kBytesPerInode);
  if (request.deadline) record.deadline = record.created + *request.deadline;
  ACLOUD_CO_TRY(const auto sandbox, co_await make_from(context, std::move(request.image), std::move(record)));
  co_return to_info(sandbox->record());
}

Task<Result<SandboxInfo>> SandboxService::get(Context& context, SandboxName request) {
  ACLOUD_CO_TRY(const auto sandbox, co_await sandboxes_.find(context.workspace(), request.id));
  ACLOUD_CO_TRY(const jail::Stats stats, co_await sandbox->stats(soon(context)));
  SandboxInfo info = to_info(sandbox->record());
  info.usage = to_usage(stats);
  info.not_enforced = sandboxes_.not_enforced();
  co_return info;
}

Task<Result<Isolation>> SandboxService::isolation(Context&, IsolationRequest) {
  Isolation all;
  if (const auto available = co_await sandboxes_.available(); !available)
    all.problem = available.error().message();
  all.available = !all.problem;
  if (const jail::Report* report = sandboxes_.report(); report != nullptr) {
    all.kind = report->kind;
    all.as_root = report->privileged;
    for (const jail::Feature& feature : report->features)
      all.features.push_back({feature.name, feature.enforced, feature.how});
  }
  co_return all;
}

Task<Result<SandboxList>> SandboxService::list(Context& context, ListSandboxes request) {
  ACLOUD_CO_CHECK(co_await sandboxes_.available());
  ACLOUD_CO_TRY(const std::string after, kernel::from_cursor(request.cursor));
  SandboxList list;
  const auto wanted = [&](const Record& record) {
    const SandboxState state = record.paused ? SandboxState::paused : SandboxState::running;
    return (!request.state || state == *request.state) && has_all(record.metadata, request.metadata);
  };
  // As many at once as may be on the page, and one that tells whether there is another.
  const auto some = static_cast<std::size_t>(request.limit) + 1;
  for (auto found = sandboxes_.after(context.workspace(), after, some); !found.empty();) {
    for (const auto& sandbox : found) {
      const Record record = sandbox->record();
      if (!wanted(record)) continue;
      if (std::ssize(list.items) == request.limit) {
        list.next_cursor = kernel::to_cursor(list.items.back().id);
        co_return list;
      }
      list.items.push_back(to_info(record));
    }
    if (found.size() < some) break;
    found = sandboxes_.after(context.workspace(), found.back()->id(), some);
  }
  co_return list;
}

Task<Result<SandboxInfo>> SandboxService::set_timeout(Context& context, SetTimeout request) {
  ACLOUD_CO_TRY(const auto sandbox, co_await sandboxes_.find(context.workspace(), request.id));
  std::optional<Time> deadline;
  if (request.deadline) deadline = context.clock.now() + *request.deadline;
  ACLOUD_CO_CHECK(sandbox->set_life(deadline, request.idle_timeout));
  co_return to_info(sandbox->record());
}

Task<Result<SandboxInfo>> SandboxService::set_egress(Context& context, SetEgress request) {
  ACLOUD_CO_CHECK(egress::Rules::parse(request.egress.allow, request.egress.deny));
  ACLOUD_CO_TRY(auto found, co_await sandboxes_.find(context.workspace(), request.id));
  const Use sandbox(std::move(found));
  ACLOUD_CO_CHECK(co_await sandbox->set_egress(std::move(request.egress), soon(context)));
  co_return to_info(sandbox->record());
}

Task<Result<SandboxName>> SandboxService::kill(Context& context, SandboxName request) {
  ACLOUD_CO_TRY(auto sandbox, co_await sandboxes_.find(context.workspace(), request.id));
  ACLOUD_CO_CHECK(co_await sandboxes_.kill(std::move(sandbox)));
  co_return request;
}

Task<Result<SandboxInfo>> SandboxService::pause(Context& context, PauseSandbox request) {
  ACLOUD_CO_TRY(const auto sandbox, co_await sandboxes_.find(context.workspace(), request.id));
  if (!sandboxes_.can_pause()) {
    co_return fail(ErrorCode::precondition_failed,
                   "this server can't freeze processes: it has no cgroup freezer that it may use");
  }
  ACLOUD_CO_CHECK(co_await sandbox->pause(request.keep, soon(context)));
  co_return to_info(sandbox->record());
}

Task<Result<Use>> SandboxService::use(Context& context, const std::string& id) {
  ACLOUD_CO_TRY(auto found, co_await sandboxes_.find(context.workspace(), id));
  Use sandbox(std::move(found));
  ACLOUD_CO_CHECK(co_await sandbox->wake(soon(context)));
  co_return sandbox;
}

Task<Result<SandboxInfo>> SandboxService::resume(Context& context, SandboxName request) {
  ACLOUD_CO_TRY(auto found, co_await sandboxes_.find(context.workspace(), request.id));
  const Use sandbox(std::move(found));
  const Kept kept = sandbox->record().kept;
  ACLOUD_CO_CHECK(co_await sandbox->wake(soon(context)));
  SandboxInfo info = to_info(sandbox->record());
  info.kept = kept;
  co_return info;
}

Task<Result<Executed>> SandboxService::exec(Context& context, Execute request) {
  ACLOUD_CO_TRY(auto found, co_await sandboxes_.find(context.workspace(), request.id));
  const Use sandbox(std::move(found));
  const auto by = async::Deadline::after(request.timeout);
  ACLOUD_CO_TRY(jail::Command command, co_await to_command(*sandbox, {.command = std::move(request.command),
                                                                      .cwd = std::move(request.cwd),
                                                                      .env = std::move(request.env),
                                                                      .user = std::move(request.user)}));
  if (!context.once().empty())
    co_return co_await exec_once(context, *sandbox, std::move(request), std::move(command));
  std::string input = std::move(request.input).value_or("");
  jail::Fd nothing;
  if (input.empty()) {
    ACLOUD_CO_TRY(nothing, no_input());
  }
  ACLOUD_CO_TRY(const auto process,
                co_await sandbox->start(std::move(command), soon(context).earlier(by), std::move(nothing)));
  if (context.events() != nullptr) {
    auto told = co_await context.events()->emit("start", fmt::format(R"({{"pid":{}}})", process->pid()));
    if (!told) {
      (void)process->signal(SIGKILL, jail::Scope::tree);
      co_return std::unexpected(std::move(told).error());
    }
  }
  ACLOUD_CO_TRY(Conversation talk,
                co_await converse(*process, std::move(input), by, context.events(), kOutputKept));
  if (talk.timed_out)
    co_return std::unexpected(took_too_long(request.timeout, std::move(talk.out), std::move(talk.err)));
  Executed done{.exit_code = talk.exit.shell_code(),
                .out = std::move(talk.out.text),
                .err = std::move(talk.err.text),
                .out_truncated = talk.out.truncated,
                .err_truncated = talk.err.truncated,
                .cpu_s = std::chrono::duration<double>(talk.exit.cpu_time).count()};
  if (context.events() != nullptr) {
    ACLOUD_CO_CHECK(
        co_await context.events()->emit("exit", fmt::format(R"({{"exit_code":{}}})", done.exit_code)));
  }
  co_return done;
}

}  // namespace acloud::sandbox
