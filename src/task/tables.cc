#include "task/tables.h"

#include "kernel/instances.h"

namespace acloud::task {

using store::Rows;

std::vector<store::Migration> migrations() {
  return {{"task-1",
           "CREATE TABLE tasks ("
           "  id TEXT PRIMARY KEY,"
           "  workspace TEXT NOT NULL,"
           "  principal TEXT NOT NULL,"
           "  owner TEXT NOT NULL,"
           "  spec TEXT NOT NULL,"
           "  tools TEXT NOT NULL,"
           "  goal TEXT NOT NULL,"
           "  secret TEXT NOT NULL,"
           "  version BIGINT NOT NULL,"
           "  priority BIGINT NOT NULL,"
           "  state TEXT NOT NULL,"
           "  attempt BIGINT NOT NULL,"
           "  steps BIGINT NOT NULL,"
           "  holder TEXT NOT NULL,"
           "  due BIGINT,"
           "  interrupt TEXT NOT NULL,"
           "  created BIGINT NOT NULL,"
           "  started BIGINT,"
           "  ended BIGINT,"
           "  deadline BIGINT NOT NULL,"
           "  length BIGINT NOT NULL,"
           "  result TEXT,"
           "  error_code TEXT,"
           "  error_message TEXT);"
           "CREATE INDEX tasks_due ON tasks (due);"
           "CREATE INDEX tasks_workspace ON tasks (workspace, created, id);"
           "CREATE TABLE task_steps ("
           "  task TEXT NOT NULL,"
           "  attempt BIGINT NOT NULL,"
           "  number BIGINT NOT NULL,"
           "  kind TEXT NOT NULL,"
           "  name TEXT NOT NULL,"
           "  input BYTEA NOT NULL,"
           "  ref TEXT NOT NULL,"
           "  as_owner BIGINT NOT NULL,"
           "  began BIGINT NOT NULL,"
           "  ended BIGINT,"
           "  ok BIGINT,"
           "  outcome BYTEA,"
           "  PRIMARY KEY (task, attempt, number));"
           "CREATE TABLE task_signals ("
           "  task TEXT NOT NULL,"
           "  number BIGINT NOT NULL,"
           "  name TEXT NOT NULL,"
           "  value TEXT NOT NULL,"
           "  taken BIGINT NOT NULL,"
           "  PRIMARY KEY (task, number));"},
          {"task-place-1",
           "ALTER TABLE tasks ADD COLUMN bound BIGINT NOT NULL DEFAULT 0;"
           "ALTER TABLE tasks ADD COLUMN place TEXT NOT NULL DEFAULT '';"},
          family::migration(),
          {"task-3",
           // Since when it has waited for resources; 0 where it does not.
           "ALTER TABLE tasks ADD COLUMN waits BIGINT NOT NULL DEFAULT 0;"
           "CREATE INDEX tasks_waits ON tasks (waits) WHERE waits > 0;"},
          {"task-4", "ALTER TABLE tasks ADD COLUMN errand TEXT NOT NULL DEFAULT '';"}};
}

Result<> forget_workspace(store::Transaction& tx, const std::string& workspace) {
  for (const char* table : {"task_steps", "task_signals"}) {
    ACLOUD_CHECK(tx.execute(
        fmt::format("DELETE FROM {} WHERE task IN (SELECT id FROM tasks WHERE workspace = $1)", table),
        {workspace}));
  }
  ACLOUD_CHECK(tx.execute("DELETE FROM tasks WHERE workspace = $1", {workspace}));
  return {};
}

namespace tables {
namespace {

constexpr std::int64_t kLookedAt = 256;     // tasks that are due, of which some are chosen
constexpr std::chrono::minutes kAged{2};    // then a task comes before those of any priority
constexpr std::int64_t kWokenAtOnce = 1;    // tasks that wait for resources, when some may be free
constexpr std::size_t kSignalsMost = 1000;  // that wait for one task
constexpr std::string_view kInfo =
    "id, state, goal, principal, attempt, steps, created, started, ended, deadline, result, error_code, "
    "error_message, parent";

template <class E>
std::string name_of(E value) {
  return std::string(schema::Codec<E>::name(value));
}

template <class E>
E value_of(std::string_view name) {
  for (const auto& [value, text] : enum_names(E{})) {
    if (text == name) return value;
  }
  return E{};
}

std::optional<Time> time_at(const store::Row& row, std::size_t i) {
  return row.is_null(i) ? std::nullopt : std::optional(row.time(i));
}

TaskInfo to_info(const store::Row& row) {
  TaskInfo info{.id = row.text(0),
                .state = value_of<State>(row.text(1)),
                .goal = row.text(2),
                .principal = row.text(3),
                .attempt = row.integer(4),
                .steps = row.integer(5),
                .created = row.time(6),
                .started = time_at(row, 7),
                .ended = time_at(row, 8),
                .deadline = row.time(9),
                .parent = {},
                .children = {},
                .result = {},
                .error = {}};
  if (!row.is_null(10)) info.result = parse_json(row.text(10)).value_or(Json());
  if (!row.is_null(11)) info.error = TaskFailure{row.text(11), row.text(12)};
  if (const std::string parent = row.text(13); !parent.empty()) info.parent = parent;
  return info;
}

std::unexpected<Error> no_task(const std::string& id) {
  return fail(ErrorCode::not_found, "no task {}; task.list shows them", id);
}

struct Candidate {
  std::string id, workspace;
  std::int64_t priority = 0;
  Time due{};
};

// Which tasks a server may take: $1 is its place, $2 a time before which the last lease of a place must have
// ended for the place to be gone for good. {} is the version of its engine.
constexpr std::string_view kMayTakeOf =
    "version <= {} AND (place = '' OR place = $1 OR NOT EXISTS (SELECT 1 FROM instances WHERE "
    "instances.place = tasks.place "
    "AND "
    "instances.until > $2))";
const std::string kMayTake = fmt::format(kMayTakeOf, Script::kVersion);

// A pure choice, so that it can be thought about: aged ones first, then by priority, in each of these a
// workspace with fewer running before one with more.
std::vector<std::string> choose(std::vector<Candidate> due, Time now, std::size_t most,
                                std::map<std::string, std::size_t> running) {
  std::vector<std::string> chosen;
  while (chosen.size() < most && !due.empty()) {
    const auto rank = [&](const Candidate& each) {
      const bool aged = now - each.due >= kAged;
      return std::tuple(aged ? 0 : 1, aged ? 0 : -each.priority, running[each.workspace], each.due, each.id);
    };
    const auto best = std::ranges::min_element(due, {}, rank);
    ++running[best->workspace];
    chosen.push_back(best->id);
    due.erase(best);
  }
  return chosen;
}

}  // namespace

Result<> add(store::Transaction& tx, const NewTask& task, const Owner& owner) {
  ACLOUD_CHECK(tx.execute(
      "INSERT INTO tasks (id, workspace, principal, owner, spec, tools, goal, secret, version, priority, "
      "state, "
      "attempt, steps, holder, due, interrupt, created, deadline, length, bound, parent, depth, errand) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'queued', 1, 0, '', $11, '', $11, $12, $13, $14, "
      "$15, $16, $17)",
      {task.id, owner.workspace, owner.principal, encode(owner), task.spec_json, task.tools_json, task.goal,
       task.secret, Script::kVersion, task.priority, store::to_value(task.created),
       store::to_value(task.deadline), std::int64_t{(task.deadline - task.created).count()},
       std::int64_t{task.bound}, task.parent, task.depth, task.errand}));
  return {};
}

Result<std::vector<Claimed>> claim(store::Transaction& tx, const Holder& holder, Time now, std::size_t most,
                                   std::map<std::string, std::size_t> running) {
  const store::Value gone = store::to_value(now - kernel::Instances::kComesBack);
  ACLOUD_TRY(
      const Rows rows,
      tx.query(fmt::format("SELECT id, workspace, priority, CASE WHEN waits > 0 THEN waits ELSE due END "
                           "FROM tasks WHERE {} AND due <= $3 ORDER BY due LIMIT $4",
                           kMayTake),
               {holder.place, gone, store::to_value(now), kLookedAt}));
  std::vector<Candidate> due;
  for (const store::Row& row : rows) due.push_back({row.text(0), row.text(1), row.integer(2), row.time(3)});
  std::vector<Claimed> claimed;
  for (const std::string& id : choose(std::move(due), now, most, std::move(running))) {
    ACLOUD_TRY(
        const Rows taken,
        tx.query(
            "UPDATE tasks SET holder = $2, due = $3, state = 'running', "
            "started = COALESCE(started, $4), "
            "interrupt = CASE WHEN interrupt = '' AND place <> '' AND place <> $5 THEN $6 ELSE "
            "interrupt END, version = $7, "
            "place = CASE WHEN bound <> 0 THEN $5 ELSE place END WHERE id = $1 "
            "RETURNING owner, spec, tools, secret, interrupt, attempt, deadline, created, parent, errand",
            {id, holder.instance, store::to_value(now + holder.lease), store::to_value(now), holder.place,
             std::string(kMoved), Script::kVersion}));
    const store::Row& row = taken.front();
    ACLOUD_TRY(const Json owner_json, parse_json(row.text(0)));
    ACLOUD_TRY(Owner owner, decode<Owner>(owner_json));
    claimed.push_back({.id = id,
                       .owner = std::move(owner),
                       .spec_json = row.text(1),
                       .tools_json = row.text(2),
                       .secret = row.text(3),
                       .interrupt = row.text(4),
                       .attempt = row.integer(5),
                       .deadline = row.time(6),
                       .created = row.time(7),
                       .parent = row.text(8),
                       .errand = row.text(9)});
  }
  return claimed;
}

Result<std::map<std::string, std::string>> beat(store::Transaction& tx, const Holder& holder, Time now,
                                                const std::vector<std::string>& tasks) {
  std::map<std::string, std::string> told;
  for (const std::string& id : tasks) {
    ACLOUD_TRY(const Rows rows,
               tx.query("UPDATE tasks SET due = $3 WHERE id = $1 AND holder = $2 RETURNING interrupt",
                        {id, holder.instance, store::to_value(now + holder.lease)}));
    if (rows.empty()) {
      told[id] = "lost";
    } else if (!rows.front().text(0).empty()) {
      told[id] = rows.front().text(0);
    }
  }
  return told;
}

Result<> take_over(store::Transaction& tx, const Holder& holder, bool alone, Time now) {
  ACLOUD_CHECK(tx.execute(
      "UPDATE tasks SET due = $2, holder = '' WHERE due IS NOT NULL AND holder <> '' AND holder <> $1 AND "
      "($3 <> 0 OR NOT EXISTS (SELECT 1 FROM instances WHERE instances.id = tasks.holder AND until > $2))",
      {holder.instance, store::to_value(now), std::int64_t{alone}}));
  return {};
}

Result<> wake_next(store::Transaction& tx, Time now) {
  ACLOUD_CHECK(
      tx.execute("UPDATE tasks SET due = $1 WHERE id IN (SELECT id FROM tasks WHERE waits > 0 AND "
                 "holder = '' AND due > $1 ORDER BY CASE WHEN waits <= $2 THEN 0 ELSE 1 END, "
                 "CASE WHEN waits <= $2 THEN 0 ELSE -priority END, waits LIMIT $3)",
                 {store::to_value(now), store::to_value(now - kAged), kWokenAtOnce}));
  return {};
}

Result<std::optional<Time>> next_due(store::Reader& reader, const Holder& holder, Time now) {
  ACLOUD_TRY(
      const Rows rows,
      reader.query(
          fmt::format("SELECT due FROM tasks WHERE due IS NOT NULL AND {} ORDER BY due LIMIT 1", kMayTake),
          {holder.place, store::to_value(now - kernel::Instances::kComesBack)}));
  if (rows.empty()) return std::nullopt;
  return rows.front().time(0);
}

Result<std::set<TaskOf>> abandoned(store::Reader& reader, const Holder& holder,
                                   const std::set<TaskOf>& tasks) {
  std::set<TaskOf> found;
  for (const TaskOf& task : tasks) {
    ACLOUD_TRY(const Rows rows, reader.query("SELECT spec FROM tasks WHERE workspace = $1 AND id = $2 AND "
                                             "place <> '' AND place <> $3",
                                             {task.workspace, task.id, holder.place}));
    if (rows.empty()) continue;
    ACLOUD_TRY(const Json spec, parse_json(rows.front().text(0)));
    ACLOUD_TRY(const RunTask request, decode<RunTask>(spec));
    const auto& keep = request.resources.keep;
    if (std::ranges::find(keep, "sandbox") == keep.end()) found.insert(task);
  }
  return found;
}

Result<TaskInfo> find(store::Reader& reader, const std::string& workspace, const std::string& id) {
  ACLOUD_TRY(const Rows rows,
             reader.query(fmt::format("SELECT {} FROM tasks WHERE id = $1 AND workspace = $2", kInfo),
                          {id, workspace}));
  if (rows.empty()) return no_task(id);
  return to_info(rows.front());
}

Result<TaskList> list(store::Reader& reader, const std::string& workspace, const ListTasks& request,
                      const std::string& after) {
  // A cursor is the time and the id of the last that was given.
  std::string sql = fmt::format("SELECT {} FROM tasks WHERE workspace = $1", kInfo);
  store::Params params{workspace, request.limit + 1};
  if (!after.empty()) {
    const std::size_t space = after.find(' ');
    std::int64_t created = 0;
    const auto [end, error] = std::from_chars(after.data(), after.data() + after.size(), created);
    if (error != std::errc() || space == std::string::npos)
      return fail(ErrorCode::invalid_argument, "cursor: use the next_cursor of the page before, unchanged");
    sql += " AND (created < $3 OR (created = $3 AND id < $4))";
    params.emplace_back(created);
    params.emplace_back(after.substr(space + 1));
  }
  if (request.state) {
    sql += fmt::format(" AND state = ${}", params.size() + 1);
    params.emplace_back(name_of(*request.state));
  }
  if (request.parent) {
    sql += fmt::format(" AND parent = ${} AND parent <> ''", params.size() + 1);
    params.emplace_back(*request.parent);
  }
  ACLOUD_TRY(const Rows rows, reader.query(sql + " ORDER BY created DESC, id DESC LIMIT $2", params));
  TaskList list;
  for (const store::Row& row : rows) {
    if (std::ssize(list.items) == request.limit) {
      const TaskInfo& last = list.items.back();
      list.next_cursor =
          kernel::to_cursor(fmt::format("{} {}", last.created.time_since_epoch().count(), last.id));
      break;
    }
    list.items.push_back(to_info(row));
  }
  return list;
}

Result<Interrupted> interrupt(store::Transaction& tx, const std::string& workspace, const std::string& id,
                              Time now) {
  ACLOUD_TRY(TaskInfo info, find(tx, workspace, id));
  if (has_ended(info.state)) return Interrupted{std::move(info), {}};
  // One that waits, or has not begun, is taken up at once, to be ended as it should.
  ACLOUD_CHECK(
      tx.execute("UPDATE tasks SET interrupt = 'cancelled', due = CASE WHEN holder = '' THEN $2 ELSE due END "
                 "WHERE id = $1",
                 {id, store::to_value(now)}));
  ACLOUD_TRY(std::vector<std::string> below, family::interrupt_below(tx, id, now));
  return Interrupted{std::move(info), std::move(below)};
}

Result<TaskInfo> add_signal(store::Transaction& tx, const std::string& workspace, const SignalTask& signal,
                            Time now) {
  ACLOUD_TRY(TaskInfo info, find(tx, workspace, signal.id));
  if (has_ended(info.state))
    return fail(ErrorCode::conflict, "task {} has ended; it takes no more signals", signal.id);
  ACLOUD_TRY(const Rows rows, tx.query("SELECT COALESCE(MAX(number), 0), COALESCE(SUM(CASE WHEN name LIKE "
                                       "'child/%' THEN 0 ELSE 1 END), 0) "
                                       "FROM task_signals WHERE task = $1",
                                       {signal.id}));
  if (rows.front().integer(1) >= static_cast<std::int64_t>(kSignalsMost))
    return fail(ErrorCode::too_large, "task {} has had {} signals, which is the most", signal.id,
                kSignalsMost);
  ACLOUD_CHECK(
      tx.execute("INSERT INTO task_signals (task, number, name, value, taken) VALUES ($1, $2, $3, $4, -1)",
                 {signal.id, rows.front().integer(0) + 1, signal.name, acloud::to_text(signal.value)}));
  ACLOUD_CHECK(tx.execute("UPDATE tasks SET due = $2 WHERE id = $1 AND state = 'waiting'",
                          {signal.id, store::to_value(now)}));
  return info;
}

Result<TaskInfo> retry(store::Transaction& tx, const std::string& workspace, const std::string& id,
                       Time now) {
  ACLOUD_TRY(const TaskInfo info, find(tx, workspace, id));
  if (info.state != State::failed && info.state != State::cancelled)
    return fail(ErrorCode::conflict, "task {} is {}; only what failed or was cancelled can be tried again",
                id, name_of(info.state));
  // Its parent, which was told of its end, decides what comes of that.
  if (info.parent)
    return fail(ErrorCode::conflict, "task {} was run by {}, which can run another; or try that one again",
                id, *info.parent);
  ACLOUD_TRY(
      const std::int64_t retried,
      tx.execute(
          "UPDATE tasks SET state = 'queued', attempt = attempt + 1, waits = 0, steps = 0, holder = '', due "
          "= "
          "$2, "
          "interrupt = '', place = '', started = NULL, ended = NULL, deadline = $2 + length, result = NULL, "
          "error_code = NULL, error_message = NULL WHERE id = $1 AND errand = ''",
          {id, store::to_value(now)}));
  if (retried == 0)
    return fail(ErrorCode::conflict, "task {} is what a call has started; make that call again", id);
  ACLOUD_CHECK(tx.execute("DELETE FROM task_signals WHERE task = $1", {id}));
  return find(tx, workspace, id);
}

}  // namespace tables

}  // namespace acloud::task
