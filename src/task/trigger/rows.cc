#include "task/trigger/rows.h"

#include "task/schedule/on_behalf.h"

namespace acloud::task::trigger {

using store::Bytes;
using store::Rows;

std::vector<store::Migration> migrations() {
  return {{"trigger-1",
           "CREATE TABLE triggers ("
           "  workspace TEXT NOT NULL, name TEXT NOT NULL, id TEXT NOT NULL, principal TEXT NOT NULL,"
           "  api_key TEXT NOT NULL, grants TEXT NOT NULL, kind TEXT NOT NULL, source TEXT NOT NULL,"
           "  prefix BYTEA NOT NULL, secret BYTEA NOT NULL, task BYTEA NOT NULL, at_once BIGINT NOT NULL,"
           "  paused BIGINT NOT NULL, events BIGINT NOT NULL, runs BIGINT NOT NULL, missed BIGINT NOT NULL,"
           "  next BIGINT NOT NULL, last BIGINT, last_task TEXT, last_outcome TEXT, created BIGINT NOT NULL,"
           "  PRIMARY KEY (workspace, name));"
           "CREATE UNIQUE INDEX triggers_id ON triggers (id);"
           "CREATE INDEX triggers_source ON triggers (workspace, kind, source);"
           "CREATE INDEX triggers_next ON triggers (next);"
           "CREATE TABLE trigger_events ("
           "  trigger_id TEXT NOT NULL, number BIGINT NOT NULL, source TEXT NOT NULL, event BYTEA NOT NULL,"
           "  came BIGINT NOT NULL,"
           "  PRIMARY KEY (trigger_id, number));"
           "CREATE UNIQUE INDEX trigger_events_source ON trigger_events (trigger_id, source);"
           "CREATE TABLE trigger_tasks ("
           "  trigger_id TEXT NOT NULL, task TEXT NOT NULL, PRIMARY KEY (trigger_id, task));"}};
}

Result<> forget_workspace(store::Transaction& tx, const std::string& workspace) {
  for (const char* table : {"trigger_events", "trigger_tasks"}) {
    ACLOUD_CHECK(tx.execute(
        fmt::format("DELETE FROM {} WHERE trigger_id IN (SELECT id FROM triggers WHERE workspace = $1)",
                    table),
        {workspace}));
  }
  ACLOUD_CHECK(tx.execute("DELETE FROM triggers WHERE workspace = $1", {workspace}));
  return {};
}

namespace rows {
namespace {

constexpr std::string_view kColumns =
    "SELECT workspace, name, id, principal, api_key, grants, kind, source, prefix, secret, task, at_once, "
    "paused, runs, missed, last, last_task, last_outcome, created, "
    "(SELECT COUNT(*) FROM trigger_events e WHERE e.trigger_id = triggers.id) FROM triggers ";

std::optional<std::string> maybe_text(const store::Row& row, std::size_t i) {
  return row.is_null(i) ? std::nullopt : std::optional(row.text(i));
}

Result<Stored> stored_from(const store::Row& row) {
  ACLOUD_TRY(std::vector<kernel::Grant> grants, schedule::grants_from(row.text(5)));
  Stored stored;
  stored.id = row.text(2);
  stored.owner = {.workspace = row.text(0),
                  .principal = row.text(3),
                  .key = row.text(4),
                  .grants = std::move(grants),
                  .is_operator = false};
  stored.secret = row.bytes(9);
  Trigger& shown = stored.shown;
  shown.name = row.text(1);
  const std::string kind = row.text(6);
  if (kind == "queue") shown.queue = row.text(7);
  if (kind == "object") shown.object = ObjectSource{row.text(7), row.bytes(8)};
  if (kind == "webhook") shown.webhook = "/hooks/" + stored.id;
  ACLOUD_TRY(shown.task, parse_json(row.bytes(10)));
  shown.at_once = row.integer(11);
  shown.paused = row.integer(12) != 0;
  shown.runs = row.integer(13);
  shown.missed = row.integer(14);
  if (!row.is_null(15)) shown.last = row.time(15);
  shown.last_task = maybe_text(row, 16);
  shown.last_outcome = maybe_text(row, 17);
  shown.created = row.time(18);
  shown.waiting = row.integer(19);
  return stored;
}

Result<std::vector<Stored>> every(Result<Rows> rows) {
  if (!rows) return std::unexpected(std::move(rows).error());
  std::vector<Stored> all;
  for (const store::Row& row : *rows) {
    ACLOUD_TRY(Stored stored, stored_from(row));
    all.push_back(std::move(stored));
  }
  return all;
}

std::unexpected<Error> no_trigger(const std::string& name) {
  return fail(ErrorCode::not_found, "no trigger {}; make it with trigger.create", name);
}

}  // namespace

Result<Stored> find(store::Reader& reader, const std::string& workspace, const std::string& name) {
  ACLOUD_TRY(auto found, every(reader.query(std::string(kColumns) + "WHERE workspace = $1 AND name = $2",
                                            {workspace, name})));
  if (found.empty()) return no_trigger(name);
  return std::move(found.front());
}

Result<std::optional<Stored>> find_webhook(store::Reader& reader, const std::string& id) {
  ACLOUD_TRY(auto found,
             every(reader.query(std::string(kColumns) + "WHERE id = $1 AND kind = 'webhook'", {id})));
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

Result<std::vector<Stored>> list(store::Reader& reader, const std::string& workspace,
                                 const std::string& after, std::int64_t limit) {
  return every(
      reader.query(std::string(kColumns) + "WHERE workspace = $1 AND name > $2 ORDER BY name LIMIT $3",
                   {workspace, after, limit}));
}

Result<std::vector<Stored>> ready(store::Reader& reader, Time now, std::int64_t limit) {
  return every(reader.query(
      std::string(kColumns) + "WHERE next <= $1 AND paused = 0 AND (kind = 'queue' OR EXISTS (SELECT 1 FROM "
                              "trigger_events e WHERE e.trigger_id = triggers.id)) ORDER BY next LIMIT $2",
      {store::to_value(now), limit}));
}

Result<> add(store::Transaction& tx, const Stored& stored) {
  const Trigger& shown = stored.shown;
  ACLOUD_TRY(const Rows count,
             tx.query("SELECT COUNT(*) FROM triggers WHERE workspace = $1", {stored.owner.workspace}));
  if (count.front().integer(0) >= kTriggersMost)
    return fail(ErrorCode::too_large, "the workspace has {} triggers, the most there can be", kTriggersMost);
  const std::string kind = shown.queue ? "queue" : shown.object ? "object" : "webhook";
  const std::string source = shown.queue ? *shown.queue : shown.object ? shown.object->bucket : "";
  ACLOUD_TRY(
      const std::int64_t added,
      tx.execute("INSERT INTO triggers (workspace, name, id, principal, api_key, grants, kind, source, "
                 "prefix, secret, task, at_once, paused, events, runs, missed, next, created) "
                 "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, 0, 0, 0, $13, $13) "
                 "ON CONFLICT (workspace, name) DO NOTHING",
                 {stored.owner.workspace, shown.name, stored.id, stored.owner.principal, stored.owner.key,
                  schedule::grants_text(stored.owner.grants), kind, source,
                  Bytes{shown.object ? shown.object->prefix : ""}, Bytes{stored.secret},
                  Bytes{to_text(shown.task)}, shown.at_once, store::to_value(shown.created)}));
  if (added == 0) return fail(ErrorCode::conflict, "there is a trigger {} already", shown.name);
  return {};
}

Result<> set_paused(store::Transaction& tx, const Stored& stored, bool paused) {
  ACLOUD_CHECK(
      tx.execute("UPDATE triggers SET paused = $2 WHERE id = $1", {stored.id, std::int64_t{paused ? 1 : 0}}));
  return {};
}

Result<> remove(store::Transaction& tx, const std::string& workspace, const std::string& name) {
  ACLOUD_TRY(const Stored found, find(tx, workspace, name));
  ACLOUD_CHECK(tx.execute("DELETE FROM trigger_events WHERE trigger_id = $1", {found.id}));
  ACLOUD_CHECK(tx.execute("DELETE FROM trigger_tasks WHERE trigger_id = $1", {found.id}));
  ACLOUD_CHECK(tx.execute("DELETE FROM triggers WHERE id = $1", {found.id}));
  return {};
}

Result<bool> add_event(store::Transaction& tx, const std::string& trigger, const std::string& source,
                       const std::string& json, Time now) {
  ACLOUD_TRY(const Rows count,
             tx.query("SELECT COUNT(*) FROM trigger_events WHERE trigger_id = $1", {trigger}));
  if (count.front().integer(0) >= kWaitingMost) {
    return std::unexpected(Error(ErrorCode::rate_limited, fmt::format("{} events wait already", kWaitingMost))
                               .with_retry_after(std::chrono::seconds(60)));
  }
  ACLOUD_TRY(const Rows rows,
             tx.query("UPDATE triggers SET events = events + 1 WHERE id = $1 RETURNING events", {trigger}));
  if (rows.empty()) return false;
  const std::int64_t number = rows.front().integer(0);
  ACLOUD_TRY(const std::int64_t added,
             tx.execute("INSERT INTO trigger_events (trigger_id, number, source, event, came) "
                        "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (trigger_id, source) DO NOTHING",
                        {trigger, number, source.empty() ? fmt::format("#{}", number) : source, Bytes{json},
                         store::to_value(now)}));
  return added == 1;
}

Result<> object_was_put(store::Transaction& tx, const std::string& workspace, const PutObject& object,
                        Time now) {
  ACLOUD_TRY(const Rows rows, tx.query("SELECT id, prefix FROM triggers WHERE workspace = $1 AND "
                                       "kind = 'object' AND source = $2 AND paused = 0",
                                       {workspace, object.bucket}));
  for (const store::Row& row : rows) {
    if (!object.key.starts_with(row.bytes(1))) continue;
    const Json event = {{"type", "object.put"}, {"bucket", object.bucket},
                        {"key", object.key},    {"etag", object.etag},
                        {"size", object.size},  {"content_type", object.content_type}};
    const auto added = add_event(tx, row.text(0), "", to_text(event), now);
    // The put is not the trigger's to refuse.
    if (!added && added.error().code() == ErrorCode::rate_limited) {
      ACLOUD_CHECK(tx.execute("UPDATE triggers SET missed = missed + 1 WHERE id = $1", {row.text(0)}));
    } else if (!added) {
      return std::unexpected(added.error());
    }
  }
  return {};
}

Result<std::vector<Event>> waiting(store::Reader& reader, const std::string& trigger, std::int64_t limit) {
  ACLOUD_TRY(const Rows rows, reader.query("SELECT number, source, event FROM trigger_events WHERE "
                                           "trigger_id = $1 ORDER BY number LIMIT $2",
                                           {trigger, limit}));
  std::vector<Event> events;
  for (const store::Row& row : rows) events.push_back({row.integer(0), row.text(1), row.bytes(2)});
  return events;
}

Result<std::int64_t> going_on(store::Reader& reader, const std::string& trigger) {
  ACLOUD_TRY(const Rows rows,
             reader.query("SELECT COUNT(*) FROM trigger_tasks x JOIN tasks t ON t.id = x.task "
                          "WHERE x.trigger_id = $1 AND t.due IS NOT NULL",
                          {trigger}));
  return rows.front().integer(0);
}

Result<> advance(store::Transaction& tx, const std::string& trigger, const Turn& turn) {
  if (turn.event) {
    ACLOUD_CHECK(tx.execute("DELETE FROM trigger_events WHERE trigger_id = $1 AND number = $2",
                            {trigger, *turn.event}));
  }
  std::int64_t fresh = 0;
  if (turn.task) {
    ACLOUD_CHECK(
        tx.execute("DELETE FROM trigger_tasks WHERE trigger_id = $1 AND task IN (SELECT x.task FROM "
                   "trigger_tasks x JOIN tasks t ON t.id = x.task WHERE x.trigger_id = $1 AND "
                   "t.due IS NULL AND t.id <> $2)",
                   {trigger, *turn.task}));
    ACLOUD_TRY(fresh, tx.execute("INSERT INTO trigger_tasks (trigger_id, task) SELECT id, $2 FROM triggers "
                                 "WHERE id = $1 ON CONFLICT (trigger_id, task) DO NOTHING",
                                 {trigger, *turn.task}));
  }
  const store::Value task = turn.task ? store::Value(*turn.task) : store::Value();
  ACLOUD_CHECK(
      tx.execute("UPDATE triggers SET last = $2, last_outcome = $3, last_task = COALESCE($4, last_task), "
                 "runs = runs + $5, next = $6 WHERE id = $1",
                 {trigger, store::to_value(turn.at), turn.outcome, task, fresh, store::to_value(turn.next)}));
  return {};
}

}  // namespace rows
}  // namespace acloud::task::trigger
