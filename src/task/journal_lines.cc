// What is read of journals: the half of tables.h that tells people what a task did.
#include "task/tables.h"

namespace acloud::task::tables {

using store::Rows;

namespace {

StepKind kind_named(std::string_view name) {
  for (const auto& [kind, text] : enum_names(StepKind{})) {
    if (text == name) return kind;
  }
  return {};
}

}  // namespace

Result<std::vector<Line>> lines(store::Reader& reader, const std::string& id, std::int64_t attempt,
                                std::int64_t after, std::int64_t most) {
  ACLOUD_TRY(const Rows rows,
             reader.query(
                 "SELECT number, kind, name, input, ref, as_owner, began, ended, ok, outcome FROM task_steps "
                 "WHERE task = $1 AND attempt = $2 AND number > $3 ORDER BY number LIMIT $4",
                 {id, attempt, after, most}));
  std::vector<Line> found;
  for (const store::Row& row : rows) {
    Line& line = found.emplace_back();
    line.entry.step = {.number = row.integer(0),
                       .kind = kind_named(row.text(1)),
                       .name = row.text(2),
                       .input = row.bytes(3),
                       .ref = row.text(4),
                       .as_owner = row.integer(5) != 0};
    line.entry.began = row.time(6);
    if (row.is_null(7)) continue;
    line.ended = row.time(7);
    line.entry.outcome = Outcome{row.integer(8) != 0, row.bytes(9)};
  }
  return found;
}

Result<Json> progress(store::Reader& reader, const std::string& id, std::int64_t attempt) {
  ACLOUD_TRY(
      const Rows rows,
      reader.query("SELECT outcome FROM task_steps WHERE task = $1 AND attempt = $2 AND kind = 'call' AND "
                   "ok = 1 AND (SELECT errand FROM tasks WHERE id = $1) <> '' "
                   "ORDER BY number DESC LIMIT 1",
                   {id, attempt}));
  if (rows.empty()) return Json();
  const auto state = parse_json(rows.front().bytes(0));
  return state && state->is_object() ? state->value("progress", Json()) : Json();
}

}  // namespace acloud::task::tables
