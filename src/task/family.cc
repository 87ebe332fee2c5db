#include "task/family.h"

namespace acloud::task::family {

using store::Rows;

store::Migration migration() {
  return {"task-2",
          "ALTER TABLE tasks ADD COLUMN parent TEXT NOT NULL DEFAULT '';"
          "ALTER TABLE tasks ADD COLUMN depth BIGINT NOT NULL DEFAULT 0;"
          "CREATE INDEX tasks_parent ON tasks (parent, created, id) WHERE parent <> '';"};
}

Result<> adopt(store::Transaction& tx, NewTask& task, const std::string& parent) {
  ACLOUD_TRY(const Rows rows,
             tx.query("SELECT depth, deadline, interrupt, due FROM tasks WHERE id = $1 AND workspace = $2",
                      {parent, task.owner.workspace}));
  if (rows.empty() || rows.front().is_null(3))
    return fail(ErrorCode::conflict, "task {} has ended; it runs no more tasks", parent);
  const store::Row& row = rows.front();
  if (!row.text(2).empty())
    return fail(ErrorCode::conflict, "task {} is being stopped; it runs no more tasks", parent);
  if (row.integer(0) >= kDepthMost)
    return fail(ErrorCode::too_large, "tasks may run tasks {} deep", kDepthMost);
  ACLOUD_TRY(const Rows count,
             tx.query("SELECT COUNT(*) FROM tasks WHERE parent = $1 AND due IS NOT NULL", {parent}));
  if (count.front().integer(0) >= kChildrenMost)
    return fail(ErrorCode::too_large, "a task may have {} that are not done; wait for some with task.wait",
                kChildrenMost);
  task.parent = parent;
  task.depth = row.integer(0) + 1;
  task.deadline = std::min(task.deadline, row.time(1));
  return {};
}

Result<std::vector<std::string>> interrupt_below(store::Transaction& tx, const std::string& id, Time now) {
  ACLOUD_TRY(const Rows rows,
             tx.query("WITH RECURSIVE below(id) AS ("
                      "SELECT id FROM tasks WHERE parent = $1 AND due IS NOT NULL UNION ALL "
                      "SELECT t.id FROM tasks t JOIN below b ON t.parent = b.id WHERE t.due IS NOT NULL) "
                      "SELECT id FROM below",
                      {id}));
  std::vector<std::string> below;
  for (const store::Row& row : rows) {
    below.push_back(row.text(0));
    ACLOUD_CHECK(
        tx.execute("UPDATE tasks SET interrupt = 'cancelled', "
                   "due = CASE WHEN holder = '' THEN $2 ELSE due END WHERE id = $1",
                   {below.back(), store::to_value(now)}));
  }
  return below;
}

Result<std::string> tell_parent(store::Transaction& tx, const std::string& id, const Ending& ending,
                                Time now) {
  ACLOUD_TRY(const Rows rows, tx.query("SELECT parent FROM tasks WHERE id = $1 AND parent <> ''", {id}));
  if (rows.empty()) return std::string();
  std::string parent = rows.front().text(0);
  OrderedJson told = {{"id", id}, {"state", schema::Codec<State>::name(ending.state)}};
  if (ending.error) told["error"] = {{"code", ending.error->code}, {"message", ending.error->message}};
  const std::string result = ending.result.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  if (result.size() <= kToldMost) {
    told["result"] = OrderedJson::parse(result);
  } else {
    told["result_left_out"] = fmt::format("{} bytes; task.get has them", result.size());
  }
  ACLOUD_TRY(const Rows last,
             tx.query("SELECT COALESCE(MAX(number), 0) FROM task_signals WHERE task = $1", {parent}));
  ACLOUD_CHECK(
      tx.execute("INSERT INTO task_signals (task, number, name, value, taken) VALUES ($1, $2, $3, $4, -1)",
                 {parent, last.front().integer(0) + 1, signal_of(id),
                  told.dump(-1, ' ', false, OrderedJson::error_handler_t::replace)}));
  ACLOUD_CHECK(tx.execute("UPDATE tasks SET due = $2 WHERE id = $1 AND state = 'waiting'",
                          {parent, store::to_value(now)}));
  return parent;
}

Result<std::vector<std::string>> children_of(store::Reader& reader, const std::string& id,
                                             std::int64_t most) {
  ACLOUD_TRY(const Rows rows,
             reader.query("SELECT id FROM tasks WHERE parent = $1 ORDER BY created DESC, id DESC LIMIT $2",
                          {id, most}));
  std::vector<std::string> children;
  for (const store::Row& row : rows) children.push_back(row.text(0));
  return children;
}

}  // namespace acloud::task::family
