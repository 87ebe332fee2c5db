#include "task/schedule/rows.h"

#include "task/schedule/on_behalf.h"

namespace acloud::task::schedule {

using store::Rows;

std::vector<store::Migration> migrations() {
  return {{"schedule-1",
           "CREATE TABLE schedules ("
           "  workspace TEXT NOT NULL, name TEXT NOT NULL, id TEXT NOT NULL, principal TEXT NOT NULL,"
           "  api_key TEXT NOT NULL, grants TEXT NOT NULL, cron TEXT NOT NULL, zone TEXT NOT NULL,"
           "  task BYTEA NOT NULL, catch_up TEXT NOT NULL, overlap TEXT NOT NULL, paused BIGINT NOT NULL,"
           "  next BIGINT, last BIGINT, last_task TEXT, last_outcome TEXT, runs BIGINT NOT NULL,"
           "  created BIGINT NOT NULL,"
           "  PRIMARY KEY (workspace, name));"
           "CREATE INDEX schedules_next ON schedules (next);"}};
}

Result<> forget_workspace(store::Transaction& transaction, const std::string& workspace) {
  ACLOUD_CHECK(transaction.execute("DELETE FROM schedules WHERE workspace = $1", {workspace}));
  return {};
}

namespace rows {
namespace {

constexpr std::string_view kSelect =
    "SELECT workspace, name, id, principal, api_key, grants, cron, zone, task, catch_up, overlap, paused, "
    "next, "
    "last, last_task, last_outcome, runs, created FROM schedules ";

template <class E>
Result<E> enum_of(const std::string& text) {
  return decode<E>(Json(text));
}

std::optional<Time> time_at(const store::Row& row, std::size_t i) {
  return row.is_null(i) ? std::nullopt : std::optional(row.time(i));
}
std::optional<std::string> text_at(const store::Row& row, std::size_t i) {
  return row.is_null(i) ? std::nullopt : std::optional(row.text(i));
}
store::Value or_null(const std::optional<Time>& time) {
  return time ? store::to_value(*time) : store::Value();
}

Result<Stored> to_stored(const store::Row& row) {
  ACLOUD_TRY(std::vector<kernel::Grant> grants, grants_from(row.text(5)));
  Stored stored;
  stored.id = row.text(2);
  stored.owner = {.workspace = row.text(0),
                  .principal = row.text(3),
                  .key = row.text(4),
                  .grants = std::move(grants),
                  .is_operator = false};
  Schedule& shown = stored.shown;
  shown.name = row.text(1);
  shown.cron = row.text(6);
  shown.time_zone = row.text(7);
  ACLOUD_TRY(shown.task, parse_json(row.bytes(8)));
  ACLOUD_TRY(shown.catch_up, enum_of<CatchUp>(row.text(9)));
  ACLOUD_TRY(shown.overlap, enum_of<Overlap>(row.text(10)));
  shown.paused = row.integer(11) != 0;
  shown.next = time_at(row, 12);
  shown.last = time_at(row, 13);
  shown.last_task = text_at(row, 14);
  shown.last_outcome = text_at(row, 15);
  shown.runs = row.integer(16);
  shown.created = row.time(17);
  return stored;
}

Result<std::vector<Stored>> all_of(Result<Rows> rows) {
  if (!rows) return std::unexpected(std::move(rows).error());
  std::vector<Stored> all;
  for (const store::Row& row : *rows) {
    ACLOUD_TRY(Stored stored, to_stored(row));
    all.push_back(std::move(stored));
  }
  return all;
}

std::unexpected<Error> none(const std::string& name) {
  return fail(ErrorCode::not_found, "no schedule {}; make it with schedule.create", name);
}

}  // namespace

Result<Stored> find(store::Reader& reader, const std::string& workspace, const std::string& name) {
  ACLOUD_TRY(auto found, all_of(reader.query(std::string(kSelect) + "WHERE workspace = $1 AND name = $2",
                                             {workspace, name})));
  if (found.empty()) return none(name);
  return std::move(found.front());
}

Result<std::vector<Stored>> list(store::Reader& reader, const std::string& workspace,
                                 const std::string& after, std::int64_t limit) {
  return all_of(
      reader.query(std::string(kSelect) + "WHERE workspace = $1 AND name > $2 ORDER BY name LIMIT $3",
                   {workspace, after, limit}));
}

Result<std::vector<Stored>> due(store::Reader& reader, Time now, std::int64_t limit) {
  return all_of(reader.query(std::string(kSelect) + "WHERE next <= $1 ORDER BY next LIMIT $2",
                             {store::to_value(now), limit}));
}

Result<> add(store::Transaction& tx, const Stored& stored) {
  const Schedule& shown = stored.shown;
  using schema::Codec;
  ACLOUD_TRY(
      const std::int64_t added,
      tx.execute("INSERT INTO schedules (workspace, name, id, principal, api_key, grants, cron, zone, task, "
                 "catch_up, overlap, paused, next, runs, created) "
                 "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, $12, 0, $13) "
                 "ON CONFLICT (workspace, name) DO NOTHING",
                 {stored.owner.workspace, shown.name, stored.id, stored.owner.principal, stored.owner.key,
                  grants_text(stored.owner.grants), shown.cron, shown.time_zone,
                  store::Bytes{to_text(shown.task)}, std::string(Codec<CatchUp>::name(shown.catch_up)),
                  std::string(Codec<Overlap>::name(shown.overlap)), or_null(shown.next),
                  store::to_value(shown.created)}));
  if (added == 0) return fail(ErrorCode::conflict, "there is a schedule {} already", shown.name);
  return {};
}

Result<> set_paused(store::Transaction& tx, const Stored& stored, bool paused, std::optional<Time> next) {
  ACLOUD_TRY(
      const std::int64_t changed,
      tx.execute("UPDATE schedules SET paused = $4, next = $5 WHERE workspace = $1 AND name = $2 AND id = $3",
                 {stored.owner.workspace, stored.shown.name, stored.id, std::int64_t{paused ? 1 : 0},
                  or_null(next)}));
  return changed == 0 ? none(stored.shown.name) : Result<>();
}

Result<> remove(store::Transaction& tx, const std::string& workspace, const std::string& name) {
  ACLOUD_TRY(const std::int64_t gone,
             tx.execute("DELETE FROM schedules WHERE workspace = $1 AND name = $2", {workspace, name}));
  return gone == 0 ? none(name) : Result<>();
}

Result<> advance(store::Transaction& tx, const Stored& before, const Turn& turn) {
  const store::Value task = turn.task ? store::Value(*turn.task) : store::Value();
  ACLOUD_CHECK(
      tx.execute("UPDATE schedules SET next = $5, last = $4, last_outcome = $6, "
                 "last_task = COALESCE($7, last_task), runs = runs + $8 "
                 "WHERE workspace = $1 AND name = $2 AND id = $3 AND next = $4",
                 {before.owner.workspace, before.shown.name, before.id, or_null(before.shown.next),
                  or_null(turn.next), turn.outcome, task, std::int64_t{turn.task ? 1 : 0}}));
  return {};
}

}  // namespace rows
}  // namespace acloud::task::schedule
