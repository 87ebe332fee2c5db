#include "task/task_service.h"

#include "task/events.h"
#include "task/family.h"
#include "task/performer.h"

namespace acloud::task {
namespace {

using kernel::Context;

constexpr std::chrono::seconds kLookAgain{2};  // where a task runs on another server, nobody tells
constexpr std::array<std::string_view, 4> kKinds{"sandbox", "database", "bucket", "queue"};

std::unexpected<Error> wrong(std::string_view field, std::string_view what) {
  return std::unexpected(Error(ErrorCode::invalid_argument, fmt::format("{}: {}", field, what))
                             .with_detail("field", std::string(field)));
}

Result<> check_files(const std::vector<TaskFile>& files, std::string_view where) {
  for (const TaskFile& file : files) {
    const int forms =
        int{file.content.has_value()} + int{file.content_base64.has_value()} + int{file.object.has_value()};
    if (forms != 1)
      return wrong(where, fmt::format("{} must have one of content, content_base64 and object", file.path));
  }
  return {};
}

Result<> check(const RunTask& request) {
  if (request.agent && request.program) return wrong("program", "a task has an agent or a program, not both");
  if (!request.program && request.goal.empty()) return wrong("goal", "must say what an agent shall do");
  if (request.agent) {
    const auto* name = std::get_if<std::string>(&*request.agent);
    if (name != nullptr && *name != "default")
      return fail(ErrorCode::not_found,
                  "no agent {}; there is \"default\", or describe one in place of its name", *name);
    const auto* described = std::get_if<Agent>(&*request.agent);
    if (described != nullptr && !described->output_schema.is_null()) {
      if (const auto form = JsonSchema::compile(described->output_schema); !form)
        return wrong("agent.output_schema", form.error().message());
    }
  }
  const Resources& resources = request.resources;
  if (!resources.sandbox.is_null() && !resources.sandbox.is_object())
    return wrong("resources.sandbox", "must be an object with the fields of sandbox.create");
  const auto metadata =
      resources.sandbox.is_object() ? resources.sandbox.find("metadata") : resources.sandbox.end();
  if (resources.sandbox.is_object() && metadata != resources.sandbox.end() && !metadata->is_object())
    return wrong("resources.sandbox.metadata", "must be an object");
  ACLOUD_CHECK(check_files(resources.files, "resources.files"));
  if (request.program) ACLOUD_CHECK(check_files(request.program->files, "program.files"));
  for (const std::string& kind : resources.keep) {
    if (std::ranges::find(kKinds, kind) == kKinds.end())
      return wrong("resources.keep", fmt::format("{} is not one of {}", kind, fmt::join(kKinds, ", ")));
  }
  return {};
}

bool uses_sandboxes(const RunTask& request, const std::vector<Tool>& tools) {
  return request.program || !request.resources.sandbox.is_null() || !request.resources.files.empty() ||
         std::ranges::any_of(tools, [](const Tool& tool) { return tool.operation.starts_with("sandbox."); });
}

}  // namespace

Result<std::vector<Tool>> TaskService::tools_for(const kernel::Caller& caller, const RunTask& request,
                                                 Time now) {
  const Tools offered = offer_();
  const auto* agent = request.agent ? std::get_if<Agent>(&*request.agent) : nullptr;
  std::vector<std::string> patterns = request.tools;
  if (patterns.empty() && agent != nullptr) patterns = agent->tools;
  if (patterns.empty()) patterns = default_tools(request);
  const bool sandbox = !request.resources.sandbox.is_null() || !request.resources.files.empty();
  ACLOUD_TRY(std::vector<Tool> tools, choose_tools(*offered, patterns, sandbox));
  if (!family::is_task(caller.principal) || tools.empty()) return tools;
  // A task hands on no tool that it hasn't.
  std::erase_if(tools, [&](const Tool& tool) {
    return !is_own(tool) && !kernel::may_allow(caller, tool.operation, now);
  });
  if (tools.empty()) {
    return fail(ErrorCode::permission_denied, "tools: {} has none of {} itself, and can't hand them on",
                caller.principal, fmt::join(patterns, ", "));
  }
  return tools;
}

namespace {

// A task ends before any right that it works with: so these need no end of their own, and what it has made
// can still be removed after it.
void end_with_rights(NewTask& task) {
  for (kernel::Grant& grant : task.owner.grants) {
    if (grant.expires) task.deadline = std::min(task.deadline, *grant.expires);
    grant.expires.reset();
  }
}

}  // namespace

Result<> TaskService::check_compensation(const RunTask& request) const {
  const Tools offered = offer_();
  for (const CompensationRule& rule : request.compensation) {
    if (request.program)
      return wrong("compensation", "is for the calls of an agent; a program undoes its own");
    if (!rule.arguments.is_null() && !rule.arguments.is_object())
      return wrong("compensation.arguments", "must be an object");
    const auto names = [&](const Tool& tool) { return !is_own(tool) && tool.operation == rule.call; };
    if (std::ranges::none_of(*offered, names))
      return wrong("compensation.call", fmt::format("there is no operation {}", rule.call));
  }
  return {};
}

namespace {

NewTask new_task(Context& context, std::string spec_json, std::string goal, std::chrono::seconds deadline) {
  const kernel::Caller& caller = context.caller;
  NewTask made{.id = "task_" + context.random.hex(10),
               .owner = {.workspace = caller.workspace,
                         .principal = caller.principal,
                         .key = caller.key,
                         .grants = caller.grants},
               .spec_json = std::move(spec_json),
               .tools_json = "[]",
               .goal = std::move(goal),
               .secret = context.random.hex(8),
               .created = context.clock.now(),
               .deadline = {}};
  made.deadline = made.created + deadline;
  end_with_rights(made);
  return made;
}

}  // namespace

Task<Result<TaskInfo>> TaskService::run(Context& context, RunTask request) {
  ACLOUD_CO_CHECK(check(request));
  ACLOUD_CO_CHECK(check_compensation(request));
  ACLOUD_CO_TRY(const std::vector<Tool> tools, tools_for(context.caller, request, context.clock.now()));
  NewTask made = new_task(context, encode(request), request.goal, request.deadline);
  made.tools_json = to_text(tools);
  made.priority = request.priority;
  made.bound = uses_sandboxes(request, tools);
  if (made.spec_json.size() > kSpecMost) {
    co_return fail(ErrorCode::too_large,
                   "a task's request may have {} bytes; put large files into a bucket and name "
                   "them as objects",
                   kSpecMost);
  }
  auto info = co_await context.commit(
      [made, budget = request.budget, this](store::Transaction& tx) { return make_in(tx, made, budget); });
  if (info) runner_->wake();
  co_return info;
}

TaskService::Prepared TaskService::prepare(Context& context, Work work) {
  const RunTask request{.goal = work.goal, .budget = work.budget, .deadline = work.deadline};
  NewTask made = new_task(context, encode(request), work.goal, work.deadline);
  made.errand = std::move(work.kind);
  return {.id = made.id, .make = [made, budget = std::move(work.budget), this](store::Transaction& tx) {
            return make_in(tx, made, budget);
          }};
}

Result<TaskInfo> TaskService::make_in(store::Transaction& tx, NewTask made,
                                      const std::optional<std::string>& budget) const {
  const std::string parent = family::is_task(made.owner.principal) ? made.owner.principal : "";
  if (!parent.empty()) ACLOUD_CHECK(family::adopt(tx, made, parent));
  ACLOUD_CHECK(tables::add(tx, made, made.owner));
  ACLOUD_CHECK(set_budget_(tx, made.owner.workspace, made.id, parent, budget, made.created));
  return tables::find(tx, made.owner.workspace, made.id);
}

Task<Result<TaskInfo>> TaskService::get(Context& context, TaskName request) {
  co_return co_await context.read_here(
      [workspace = context.workspace(), id = request.id](store::Reader& reader) -> Result<TaskInfo> {
        ACLOUD_TRY(TaskInfo task, tables::find(reader, workspace, id));
        ACLOUD_TRY(task.children, family::children_of(reader, id, kChildrenShown));
        if (!has_ended(task.state)) {
          ACLOUD_TRY(task.progress, tables::progress(reader, id, task.attempt));
        }
        return task;
      });
}

Task<Result<TaskList>> TaskService::list(Context& context, ListTasks request) {
  ACLOUD_CO_TRY(const std::string after, kernel::from_cursor(request.cursor));
  co_return co_await context.read([workspace = context.workspace(), request, after](store::Reader& reader) {
    return tables::list(reader, workspace, request, after);
  });
}

Task<Result<TaskEvents>> TaskService::events(Context& context, FollowTask request) {
  TaskEvents reply{.id = request.id, .state = State::queued, .items = {}};
  kernel::EventSink* sink = context.events();
  std::int64_t after = request.after;
  bool began = after >= 0;
  std::int64_t asked = -1;  // the open approval that was told last
  for (;;) {
    Board::Watch watch(board_, request.id);
    struct Seen {
      TaskInfo task;
      std::vector<tables::Line> lines;
    };
    ACLOUD_CO_TRY(const Seen seen, co_await context.read([workspace = context.workspace(), id = request.id,
                                                          after](store::Reader& reader) -> Result<Seen> {
      ACLOUD_TRY(TaskInfo task, tables::find(reader, workspace, id));
      ACLOUD_TRY(auto lines, tables::lines(reader, id, task.attempt, after, kLinesAtOnce));
      return Seen{std::move(task), std::move(lines)};
    }));
    reply.state = seen.task.state;
    std::vector<Event> events;
    if (!began && seen.task.started) events.push_back(run_started(seen.task));
    began = began || seen.task.started;
    // Steps side by side end in any order; they are told in the order of their numbers.
    bool open = false;
    for (const tables::Line& line : seen.lines) {
      const std::int64_t number = line.entry.step.number;
      open = !line.entry.outcome && !has_ended(seen.task.state);
      // That something is asked of people is told while there is time to answer.
      const bool asks = open && line.entry.step.kind == StepKind::approval;
      if (asks && asked != number) events.push_back(events_of(request.id, line).front());
      if (asks) asked = number;
      if (open) break;
      after = number;
      if (!line.entry.outcome) continue;
      std::vector<Event> told = events_of(request.id, line);
      if (asked == number) told.erase(told.begin());
      for (Event& event : told) events.push_back(std::move(event));
    }
    const bool whole = open || std::ssize(seen.lines) < kLinesAtOnce;
    const bool over = whole && has_ended(seen.task.state);
    if (over) events.push_back(run_ended(seen.task));
    for (Event& event : events) {
      std::string data = event.data.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
      if (sink == nullptr) {
        ACLOUD_CO_TRY(Json item, parse_json(data));
        reply.items.push_back(std::move(item));
      } else {
        ACLOUD_CO_CHECK(co_await sink->emit(event.name, std::move(data)));
      }
    }
    if (over || (sink == nullptr && whole)) co_return reply;
    if (whole) ACLOUD_CO_CHECK(co_await watch.wait(kLookAgain));
  }
}

Task<Result<TaskInfo>> TaskService::signal(Context& context, SignalTask request) {
  if (is_reserved(request.name))
    co_return wrong("name", "approval/ and child/ are for signals that acloud sends itself");
  auto info = co_await context.commit(
      [workspace = context.workspace(), request, now = context.clock.now()](store::Transaction& tx) {
        return tables::add_signal(tx, workspace, request, now);
      });
  if (info) runner_->wake();
  co_return info;
}

Task<Result<TaskInfo>> TaskService::cancel(Context& context, TaskName request) {
  // Shared with the database's writer, which may come to it after a caller that went away.
  const auto below = std::make_shared<std::vector<std::string>>();
  auto info =
      co_await context.commit([workspace = context.workspace(), id = request.id, below,
                               now = context.clock.now()](store::Transaction& tx) -> Result<TaskInfo> {
        ACLOUD_TRY(tables::Interrupted interrupted, tables::interrupt(tx, workspace, id, now));
        *below = std::move(interrupted.below);
        return std::move(interrupted.task);
      });
  if (info) {
    runner_->interrupt(request.id);
    for (const std::string& child : *below) runner_->interrupt(child);
    runner_->wake();
  }
  co_return info;
}

Task<Result<TaskInfo>> TaskService::retry(Context& context, TaskName request) {
  auto info =
      co_await context.commit([workspace = context.workspace(), id = request.id, now = context.clock.now()](
                                  store::Transaction& tx) { return tables::retry(tx, workspace, id, now); });
  if (info) runner_->wake();
  co_return info;
}

Task<Result<Moment>> TaskService::now(Context& context, AskTime) {
  const Time time = context.clock.now();
  co_return Moment{.time = time,
                   .unix_ms = std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count()};
}

Task<Result<Numbers>> TaskService::random(Context& context, DrawNumbers request) {
  if (request.min > request.max) co_return wrong("min", "must not be larger than max");
  const auto span = static_cast<std::uint64_t>(request.max - request.min) + 1;
  Numbers drawn;
  for (std::int64_t i = 0; i < request.count; ++i) {
    drawn.numbers.push_back(request.min + static_cast<std::int64_t>(context.random.below(span)));
  }
  co_return drawn;
}

}  // namespace acloud::task
