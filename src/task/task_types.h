// The requests and replies of product `task`.
#pragma once

#include "base/schema.h"
#include "kernel/page.h"

namespace acloud::task {

struct StoredObject {
  std::string bucket, key;
  static constexpr auto schema =
      fields(field("bucket", &StoredObject::bucket, "Where it is.", required, length(1, 64)),
             field("key", &StoredObject::key, "Its name.", required, length(1, 1024)));
};

struct TaskFile {
  std::string path;
  std::optional<std::string> content, content_base64;
  std::optional<StoredObject> object;
  static constexpr auto schema =
      fields(field("path", &TaskFile::path,
                   "Where it shall lie; one that does not begin with '/' in the home folder.", required,
                   length(1, 4096)),
             field("content", &TaskFile::content, "What it holds, as text."),
             field("content_base64", &TaskFile::content_base64, "The same in base64, where it is not text."),
             field("object", &TaskFile::object, "Or the object that it is copied from, 8 MiB at most."));
};

struct Program {
  std::variant<std::string, std::vector<std::string>> command;
  std::optional<std::string> image;
  std::vector<TaskFile> files;
  std::map<std::string, std::string> env;
  static constexpr auto schema =
      fields(field("command", &Program::command,
                   "A string is run by /bin/bash -lc; an array as it is: program and arguments.", required),
             field("image", &Program::image, "What its sandbox's files are at first.", length(1, 1024)),
             field("files", &Program::files, "Files that it finds there.", length(0, 1000)),
             field("env", &Program::env, "Environment, beside what every agent gets (docs/tasks.md)."));
};

struct AgentLimits {
  std::int64_t turns = 30;
  std::int64_t tokens = 1'000'000;
  std::optional<std::int64_t> context_tokens;
  static constexpr auto schema =
      fields(field("turns", &AgentLimits::turns, "Calls of the model.", between(1, 10'000)),
             field("tokens", &AgentLimits::tokens, "Tokens of all these calls together.",
                   between(1, std::int64_t{1} << 40)),
             field("context_tokens", &AgentLimits::context_tokens,
                   "How much the model can read at once; old results of tools give way to keep to it. "
                   "Absent: what model.list says of it, else 100000.",
                   between(256, 100'000'000)));
};

// What becomes of old results of tools when the model's window is full.
enum class OldResults { summarise, condense };
constexpr auto enum_names(OldResults) {
  using enum OldResults;
  return std::array<std::pair<OldResults, std::string_view>, 2>{
      {{summarise, "summarise"}, {condense, "condense"}}};
}

struct Agent {
  std::string instructions = "You are an agent of acloud. Use the tools.";
  std::optional<std::string> model;
  std::vector<std::string> tools;
  std::optional<double> temperature;
  Json output_schema;
  OldResults context = OldResults::summarise;
  AgentLimits limits;
  std::vector<std::string> approvals;
  std::chrono::seconds approval_timeout{86'400};
  static constexpr auto schema = fields(
      field("instructions", &Agent::instructions, "What the model is told before the goal.",
            length(0, 1 << 20)),
      field("model", &Agent::model, "One of model.list; absent: the first of them.", length(1, 200)),
      field("tools", &Agent::tools,
            "Operations that it may call, as patterns with *, such as \"sandbox.*\". Absent: the use of the "
            "task's own resources.",
            length(0, 100)),
      field("temperature", &Agent::temperature, "How much chance there is in its answers.",
            between(0.0, 2.0)),
      field("output_schema", &Agent::output_schema,
            "A JSON Schema: the answer is JSON of that form, which is checked (docs/tasks.md has what it may "
            "say)."),
      field("context", &Agent::context,
            "What becomes of old results of tools when the model's window is full: a summary by the model "
            "takes their place, or their beginnings and ends do."),
      field("limits", &Agent::limits, "Where it is stopped."),
      field(
          "approvals", &Agent::approvals,
          "Operations of its tools, as patterns with *, each call of which waits until somebody approves it "
          "with approval.decide. Tools that hand rights on (task.run, key.create, schedule.create and the "
          "like) then need that too.",
          length(0, 100)),
      field("approval_timeout_s", &Agent::approval_timeout,
            "Denied where nobody has decided after this long.",
            between(std::chrono::seconds(1), std::chrono::hours(24 * 365))));
};

struct DatabaseWanted {
  std::string name;
  std::vector<std::string> sql;
  static constexpr auto schema =
      fields(field("name", &DatabaseWanted::name, "Its name.", required, length(1, 64)),
             field("sql", &DatabaseWanted::sql, "Statements that are run in it first.", length(0, 100)));
};

struct Resources {
  Json sandbox;
  std::vector<TaskFile> files;
  std::optional<DatabaseWanted> database;
  std::optional<std::string> bucket, queue;
  std::vector<std::string> keep;
  static constexpr auto schema =
      fields(field("sandbox", &Resources::sandbox,
                   "A sandbox, with the fields of sandbox.create; {} for a plain one."),
             field("files", &Resources::files, "Files in that sandbox.", length(0, 1000)),
             field("database", &Resources::database, "A new database."),
             field("bucket", &Resources::bucket, "The name of a new bucket.", length(3, 63)),
             field("queue", &Resources::queue, "The name of a new queue.", length(1, 64)),
             field("keep", &Resources::keep,
                   "What stays when the task ends: any of sandbox, database, bucket, queue.", length(0, 4)));
};

// What is called to undo a call, where the task does not succeed.
struct CompensationRule {
  std::string after, call;
  Json arguments;
  static constexpr auto schema = fields(
      field("after", &CompensationRule::after,
            "Calls of an agent that it is for: an operation, or a pattern with *.", required, length(1, 200)),
      field("call", &CompensationRule::call, "The operation that undoes one.", required, length(1, 200)),
      field("arguments", &CompensationRule::arguments,
            "With which arguments; \"${arguments.key}\" and \"${result.id}\" stand for what that call had."));
};

struct RunTask {
  std::string goal;
  std::optional<std::variant<std::string, Agent>> agent;
  std::optional<Program> program;
  std::optional<std::string> model;
  std::vector<std::string> tools;
  Resources resources;
  std::vector<CompensationRule> compensation;
  std::optional<std::string> budget;
  std::chrono::seconds deadline{3600};
  std::int64_t priority = 5;
  static constexpr auto schema = fields(
      field("goal", &RunTask::goal, "What shall be done or answered.", length(0, 1 << 20)),
      field("agent", &RunTask::agent, "Who does it: \"default\", or an agent described here."),
      field("program", &RunTask::program, "Or a program that is run in a sandbox."),
      field("model", &RunTask::model, "Instead of the agent's own.", length(1, 200)),
      field("tools", &RunTask::tools, "Operations that the task may call, instead of the agent's own.",
            length(0, 100)),
      field("resources", &RunTask::resources,
            "What is made for it, all or nothing, and gone when it ends unless keep names it."),
      field("compensation", &RunTask::compensation,
            "Calls that undo what its agent did, the newest first, where it fails or is cancelled.",
            length(0, 100)),
      field("budget", &RunTask::budget, "How much it may spend on models, such as \"0.50\".", length(1, 40)),
      field("deadline_s", &RunTask::deadline, "Cancelled after this long.",
            between(std::chrono::seconds(1), std::chrono::hours(24 * 365))),
      field("priority", &RunTask::priority, "0 to 9; tasks with more come first.", between(0, 9)));
};

enum class State { queued, running, waiting, succeeded, failed, cancelled };
constexpr auto enum_names(State) {
  using enum State;
  return std::array<std::pair<State, std::string_view>, 6>{{{queued, "queued"},
                                                            {running, "running"},
                                                            {waiting, "waiting"},
                                                            {succeeded, "succeeded"},
                                                            {failed, "failed"},
                                                            {cancelled, "cancelled"}}};
}
constexpr bool has_ended(State state) { return state >= State::succeeded; }

struct TaskFailure {
  std::string code, message;
  static constexpr auto schema =
      fields(field("code", &TaskFailure::code, "As errors of operations have it."),
             field("message", &TaskFailure::message, "What was wrong, and what to do."));
};

struct TaskInfo {
  std::string id;
  State state = State::queued;
  std::string goal;
  std::string principal;
  std::int64_t attempt = 1;
  std::int64_t steps = 0;
  Time created{};
  std::optional<Time> started, ended;
  Time deadline{};
  std::optional<std::string> parent;
  std::vector<std::string> children;
  Json progress;
  Json result;
  std::optional<TaskFailure> error;
  static constexpr auto schema = fields(
      field("id", &TaskInfo::id, "Names it in every other call, and is the principal of all that it does."),
      field("state", &TaskInfo::state, "Where it stands."), field("goal", &TaskInfo::goal, "What it is for."),
      field("principal", &TaskInfo::principal, "Whose it is."),
      field("attempt", &TaskInfo::attempt, "1, and one more with every retry."),
      field("steps", &TaskInfo::steps, "Steps of this attempt that are done."),
      field("created", &TaskInfo::created, "When it was asked for."),
      field("started", &TaskInfo::started, "When it first ran."),
      field("ended", &TaskInfo::ended, "When it ended."),
      field("deadline", &TaskInfo::deadline, "When it will be cancelled."),
      field("parent", &TaskInfo::parent, "The task that asked for it."),
      field("children", &TaskInfo::children,
            "The last 100 tasks that it asked for, the newest first, where one task is got; task.list has "
            "all."),
      field("progress", &TaskInfo::progress,
            "How far work is that is done elsewhere, such as a video's, where one task is got."),
      field("result", &TaskInfo::result,
            "What came of it: answer of an agent; exit_code, stdout and stderr of a program; resources that "
            "are kept, and left where one could not be removed."),
      field("error", &TaskInfo::error, "Why it failed."));
};

struct TaskName {
  std::string id;
  static constexpr auto schema = fields(field("id", &TaskName::id, "Which.", required, length(1, 64)));
};

struct ListTasks {
  std::optional<State> state;
  std::optional<std::string> parent;
  std::int64_t limit = kernel::kPageDefault;
  std::optional<std::string> cursor;
  static constexpr auto schema =
      fields(field("state", &ListTasks::state, "Only those in this state."),
             field("parent", &ListTasks::parent, "Only those that this task asked for.", length(1, 64)),
             field("limit", &ListTasks::limit, "Items on a page.", between(1, kernel::kPageMost)),
             field("cursor", &ListTasks::cursor, "next_cursor of the page before."));
};

struct TaskList {
  std::vector<TaskInfo> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema =
      fields(field("items", &TaskList::items, "Tasks, the newest first."),
             field("next_cursor", &TaskList::next_cursor, "Where the next page begins; absent on the last."));
};

struct FollowTask {
  std::string id;
  std::int64_t after = -1;
  static constexpr auto schema = fields(
      field("id", &FollowTask::id, "Which.", required, length(1, 64)),
      field("after", &FollowTask::after, "Only what came after the step of this number.", at_least(-1)));
};

struct TaskEvents {
  std::string id;
  State state = State::queued;
  std::vector<Json> items;
  static constexpr auto schema =
      fields(field("id", &TaskEvents::id, "Which."), field("state", &TaskEvents::state, "Where it stands."),
             field("items", &TaskEvents::items,
                   "What happened so far, by AG-UI's names; empty where it was streamed."));
};

struct SignalTask {
  std::string id, name;
  Json value;
  static constexpr auto schema =
      fields(field("id", &SignalTask::id, "Which.", required, length(1, 64)),
             field("name", &SignalTask::name, "What the task waits for.", required, length(1, 200)),
             field("value", &SignalTask::value, "What it is told."));
};

struct AskTime {
  static constexpr auto schema = fields();
};

struct Moment {
  Time time{};
  std::int64_t unix_ms = 0;
  static constexpr auto schema =
      fields(field("time", &Moment::time, "The server's time, in UTC."),
             field("unix_ms", &Moment::unix_ms, "The same in milliseconds since 1970."));
};

struct DrawNumbers {
  // Whole numbers that every JSON reader holds exactly: RFC 8259, section 6.
  static constexpr std::int64_t kMost = (std::int64_t{1} << 53) - 1;
  std::int64_t min = 0, max = kMost, count = 1;
  static constexpr auto schema =
      fields(field("min", &DrawNumbers::min, "The smallest that may come.", between(-kMost, kMost)),
             field("max", &DrawNumbers::max, "The largest that may come.", between(-kMost, kMost)),
             field("count", &DrawNumbers::count, "How many.", between(1, 1000)));
};

struct Numbers {
  std::vector<std::int64_t> numbers;
  static constexpr auto schema =
      fields(field("numbers", &Numbers::numbers, "Each as likely as any other, whatever came before."));
};

}  // namespace acloud::task
