#include "surfaces/mcp/task_records.h"

namespace acloud::surfaces::mcp {

using store::Rows;

std::vector<store::Migration> TaskRecords::migrations() {
  return {{"mcp-tasks-1",
           "CREATE TABLE mcp_tasks ("
           "  id TEXT PRIMARY KEY,"
           "  owner BYTEA NOT NULL,"
           "  instance TEXT NOT NULL,"
           "  created BIGINT NOT NULL,"
           "  updated BIGINT NOT NULL,"
           "  seen BIGINT NOT NULL,"
           "  status TEXT NOT NULL,"
           "  outcome BYTEA);"
           "CREATE INDEX mcp_tasks_created ON mcp_tasks (created);"}};
}

Task<Result<>> TaskRecords::add(std::string id, std::string owner, Time now, Time oldest) {
  return database_.write_durably([id = std::move(id), owner = std::move(owner), instance = instance_, now,
                                  oldest](store::Transaction& tx) -> Result<> {
    ACLOUD_CHECK(tx.execute("DELETE FROM mcp_tasks WHERE created < $1", {store::to_value(oldest)}));
    ACLOUD_CHECK(
        tx.execute("INSERT INTO mcp_tasks (id, owner, instance, created, updated, seen, status, outcome) "
                   "VALUES ($1, $2, $3, $4, $4, $4, '', NULL)",
                   {id, store::Bytes{owner}, instance, store::to_value(now)}));
    return {};
  });
}

Task<Result<>> TaskRecords::end(std::string id, std::string status, std::string outcome, Time now) {
  return database_.write_durably([id = std::move(id), status = std::move(status),
                                  outcome = std::move(outcome), now](store::Transaction& tx) -> Result<> {
    ACLOUD_CHECK(tx.execute(
        "UPDATE mcp_tasks SET status = $2, outcome = $3, updated = $4 WHERE id = $1 AND status = ''",
        {id, status, store::Bytes{outcome}, store::to_value(now)}));
    return {};
  });
}

Task<Result<std::optional<TaskRecord>>> TaskRecords::find(std::string id) {
  ACLOUD_CO_TRY(const Rows rows,
                co_await database_.query(
                    "SELECT id, owner, instance, created, updated, seen, status, outcome FROM mcp_tasks "
                    "WHERE id = $1",
                    {std::move(id)}));
  if (rows.empty()) co_return std::nullopt;
  const store::Row& row = rows.front();
  co_return TaskRecord{.id = row.text(0),
                       .owner = row.bytes(1),
                       .instance = row.text(2),
                       .created = row.time(3),
                       .updated = row.time(4),
                       .seen = row.time(5),
                       .status = row.text(6),
                       .outcome = row.is_null(7) ? "" : row.bytes(7)};
}

Task<Result<>> TaskRecords::beat(Time now) {
  if (!shared_) co_return Result<>();
  co_return co_await database_.write_durably([instance = instance_, now](store::Transaction& tx) -> Result<> {
    ACLOUD_CHECK(tx.execute("UPDATE mcp_tasks SET seen = $2 WHERE instance = $1 AND status = ''",
                            {instance, store::to_value(now)}));
    return {};
  });
}

bool TaskRecords::is_lost(const TaskRecord& record, Time now) const {
  if (!record.status.empty()) return false;
  return record.instance == instance_ || !shared_ || now - record.seen > kLease;
}

}  // namespace acloud::surfaces::mcp
