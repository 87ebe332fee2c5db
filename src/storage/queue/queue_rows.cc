#include "storage/queue/queue_rows.h"

namespace acloud::storage {

using store::Rows;

std::vector<store::Migration> queue_migrations() {
  return {{"queue-1",
           "CREATE TABLE queues ("
           "  workspace TEXT NOT NULL, name TEXT NOT NULL, id TEXT NOT NULL, visibility BIGINT NOT NULL,"
           "  max_receives BIGINT, dead_letter TEXT, retention BIGINT NOT NULL, created BIGINT NOT NULL,"
           "  PRIMARY KEY (workspace, name));"
           "CREATE TABLE queue_messages ("
           "  queue TEXT NOT NULL, position BIGINT NOT NULL, id TEXT NOT NULL, body BYTEA NOT NULL,"
           "  sent BIGINT NOT NULL, visible BIGINT NOT NULL, expires BIGINT NOT NULL,"
           "  receives BIGINT NOT NULL, receipt TEXT,"
           "  PRIMARY KEY (queue, position, id));"
           "CREATE INDEX queue_messages_receipt ON queue_messages (queue, receipt);"
           "CREATE INDEX queue_messages_visible ON queue_messages (queue, visible);"
           "CREATE INDEX queue_messages_expires ON queue_messages (expires);"
           "CREATE TABLE queue_trash (id TEXT NOT NULL PRIMARY KEY);"}};
}

Result<QueueRow> find_queue(store::Reader& reader, const std::string& workspace, const std::string& name) {
  ACLOUD_TRY(
      const Rows rows,
      reader.query("SELECT q.id, q.visibility, q.max_receives, q.dead_letter, q.retention, q.created, d.id "
                   "FROM queues q LEFT JOIN queues d ON d.workspace = q.workspace AND d.name = q.dead_letter "
                   "WHERE q.workspace = $1 AND q.name = $2",
                   {workspace, name}));
  if (rows.empty()) return fail(ErrorCode::not_found, "no queue {}; make it with queue.create", name);
  const store::Row& row = rows.front();
  QueueRow found{.id = row.text(0),
                 .shown = {.name = name,
                           .visibility = std::chrono::seconds(row.integer(1)),
                           .max_receives = {},
                           .dead_letter = {},
                           .retention = std::chrono::seconds(row.integer(4)),
                           .created = row.time(5)},
                 .dead_letter_id = {}};
  if (!row.is_null(2)) found.shown.max_receives = row.integer(2);
  if (!row.is_null(3)) found.shown.dead_letter = row.text(3);
  if (!row.is_null(6)) found.dead_letter_id = row.text(6);
  return found;
}

Result<> check_messages(store::Reader& reader, const QueueRow& queue, std::int64_t most) {
  ACLOUD_TRY(const Rows rows,
             reader.query("SELECT COUNT(*) FROM queue_messages WHERE queue = $1", {queue.id}));
  if (rows.front().integer(0) < most) return {};
  return fail(ErrorCode::too_large,
              "queue {} has {} messages, about the most there can be; receive and ack some", queue.shown.name,
              rows.front().integer(0));
}

}  // namespace acloud::storage
