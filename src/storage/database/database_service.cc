#include "storage/database/database_service.h"

#include "base/encoding.h"

namespace acloud::storage {
namespace {

using kernel::Context;
using store::Rows;

constexpr std::int64_t kDatabasesMost = 10'000;  // in one workspace
constexpr std::size_t kIdBytes = 10;
constexpr std::chrono::seconds kOthersWait{5};  // before a server removes what another one deleted
constexpr std::int64_t kRemovedAtOnce = 16;

std::unexpected<Error> no_database(const std::string& name) {
  return fail(ErrorCode::not_found, "no database {}; make it with database.create", name);
}

Result<> check_room(store::Reader& reader, const std::string& workspace) {
  ACLOUD_TRY(const Rows rows,
             reader.query("SELECT COUNT(*) FROM databases WHERE workspace = $1", {workspace}));
  if (rows.front().integer(0) < kDatabasesMost) return {};
  return fail(ErrorCode::too_large, "the workspace has {} databases, the most there can be; delete some",
              kDatabasesMost);
}

std::vector<DatabaseTable> to_tables(const QueryReply& columns) {
  std::vector<DatabaseTable> tables;
  for (const std::vector<Json>& row : columns.rows) {
    const std::string table = row.at(0).get<std::string>();
    if (tables.empty() || tables.back().name != table) tables.push_back({table, {}});
    tables.back().columns.push_back({row.at(1).get<std::string>(), row.at(2).get<std::string>()});
  }
  return tables;
}

}  // namespace

bool is_database_name(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && text.size() <= 63 && plain(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return plain(c) || c == '_' || c == '.' || c == '-'; });
}

std::vector<store::Migration> DatabaseService::migrations() {
  return {
      {"database-1",
       "CREATE TABLE databases ("
       "  workspace TEXT NOT NULL, name TEXT NOT NULL, id TEXT NOT NULL, password TEXT NOT NULL,"
       "  created BIGINT NOT NULL,"
       "  PRIMARY KEY (workspace, name));"
       "CREATE UNIQUE INDEX databases_id ON databases (id);"},
      {"database-deleted-1", "CREATE TABLE databases_deleted (id TEXT PRIMARY KEY, at BIGINT NOT NULL);"}};
}

Result<> DatabaseService::forget_workspace(store::Transaction& transaction, const std::string& workspace) {
  ACLOUD_CHECK(transaction.execute(
      "INSERT INTO databases_deleted (id, at) SELECT id, 0 FROM databases WHERE workspace = $1",
      {workspace}));
  ACLOUD_CHECK(transaction.execute("DELETE FROM databases WHERE workspace = $1", {workspace}));
  return {};
}

Task<Result<DatabaseService::Found>> DatabaseService::find(Context& context, std::string name) {
  co_return co_await context.read_here([name, workspace = context.workspace()](
                                           store::Reader& reader) -> Result<Found> {
    ACLOUD_TRY(const Rows rows,
               reader.query("SELECT id, password, created FROM databases WHERE workspace = $1 AND name = $2",
                            {workspace, name}));
    if (rows.empty()) return no_database(name);
    return Found{{workspace, rows.front().text(0), rows.front().text(1)}, rows.front().time(2)};
  });
}

Task<Result<DatabaseEntry>> DatabaseService::create(Context& context, DatabaseName request) {
  // A call that is made again finds what it had made before the server died.
  const std::string& once = context.once();
  const DatabaseKey key{context.workspace(),
                        once.empty() ? context.random.hex(kIdBytes) : once.substr(0, 2 * kIdBytes),
                        context.random.hex(20)};
  ACLOUD_CO_CHECK(co_await context.read_here(
      [name = request.name, workspace = context.workspace()](store::Reader& reader) -> Result<> {
        ACLOUD_TRY(const Rows rows, reader.query("SELECT 1 FROM databases WHERE workspace = $1 AND name = $2",
                                                 {workspace, name}));
        if (!rows.empty()) return fail(ErrorCode::conflict, "there is a database {} already", name);
        return check_room(reader, workspace);
      }));
  // A row only names what is there.
  ACLOUD_CO_CHECK(co_await engine_.make(key));
  const DatabaseEntry made{request.name, context.clock.now()};
  auto committed = co_await context.commit([made, key](store::Transaction& tx) -> Result<DatabaseEntry> {
    ACLOUD_TRY(const std::int64_t added,
               tx.execute("INSERT INTO databases (workspace, name, id, password, created) "
                          "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (workspace, name) DO NOTHING",
                          {key.workspace, made.name, key.id, key.password, store::to_value(made.created)}));
    if (added == 0) return fail(ErrorCode::conflict, "there is a database {} already", made.name);
    return made;
  });
  if (!committed) {
    const std::lock_guard lock(mutex_);
    deleted_.push_back(key.id);
  }
  co_return committed;
}

Task<Result<DatabaseList>> DatabaseService::list(Context& context, ListDatabases request) {
  ACLOUD_CO_TRY(const std::string after, kernel::from_cursor(request.cursor));
  co_return co_await context.read([after, limit = request.limit, workspace = context.workspace()](
                                      store::Reader& reader) -> Result<DatabaseList> {
    ACLOUD_TRY(const Rows rows, reader.query("SELECT name, created FROM databases WHERE workspace = $1 "
                                             "AND name > $2 ORDER BY name LIMIT $3",
                                             {workspace, after, limit + 1}));
    DatabaseList list;
    for (const store::Row& row : rows) {
      if (std::ssize(list.items) == limit) {
        list.next_cursor = kernel::to_cursor(list.items.back().name);
        break;
      }
      list.items.push_back({row.text(0), row.time(1)});
    }
    return list;
  });
}

Task<Result<DatabaseInfo>> DatabaseService::get(Context& context, DatabaseName request) {
  ACLOUD_CO_TRY(Found found, co_await find(context, request.name));
  ACLOUD_CO_TRY(
      const QueryReply columns,
      co_await engine_.run({.database = std::move(found.key),
                            .sql = std::string(engine_.columns_sql()),
                            .params = {},
                            .limit = kQueryRowsMost,
                            .once = {},
                            .at = {},
                            .by = async::Deadline::after(kQueryTimeDefault).earlier(context.deadline())}));
  co_return DatabaseInfo{.name = std::move(request.name),
                         .engine = std::string(engine_.kind()),
                         .created = found.created,
                         .tables = to_tables(columns),
                         .truncated = columns.truncated};
}

Task<Result<QueryReply>> DatabaseService::query(Context& context, QueryDatabase request) {
  const auto by = async::Deadline::after(request.timeout).earlier(context.deadline());
  ACLOUD_CO_TRY(Found found, co_await find(context, request.name));
  co_return co_await engine_.run({.database = std::move(found.key),
                                  .sql = std::move(request.sql),
                                  .params = std::move(request.params),
                                  .limit = request.limit,
                                  .once = context.once(),
                                  .at = context.clock.now(),
                                  .by = by});
}

Task<Result<DatabaseName>> DatabaseService::remove(Context& context, DatabaseName request) {
  ACLOUD_CO_TRY(const Found found, co_await find(context, request.name));
  auto removed = co_await context.commit(
      [request, key = found.key, now = context.clock.now()](store::Transaction& tx) -> Result<DatabaseName> {
        ACLOUD_TRY(const std::int64_t gone,
                   tx.execute("DELETE FROM databases WHERE workspace = $1 AND name = $2 AND id = $3",
                              {key.workspace, request.name, key.id}));
        if (gone == 0) return no_database(request.name);
        ACLOUD_CHECK(tx.execute("INSERT INTO databases_deleted (id, at) VALUES ($1, $2)",
                                {key.id, store::to_value(now)}));
        return request;
      });
  if (removed) {
    const std::lock_guard lock(mutex_);
    deleted_.push_back(found.key.id);
  }
  co_return removed;
}

// Readers see what is on disk alone, so a row that is gone for them is gone for good.
Task<Result<bool>> DatabaseService::remove_if_unnamed(std::string id) {
  ACLOUD_CO_TRY(const Rows rows, co_await database_.query("SELECT 1 FROM databases WHERE id = $1", {id}));
  if (!rows.empty()) co_return false;
  ACLOUD_CO_CHECK(co_await engine_.drop(id));
  co_return true;
}

Task<Result<>> DatabaseService::remove_deleted(std::string id) {
  ACLOUD_CO_CHECK(co_await engine_.drop(id));
  co_return co_await database_.write_durably([id](store::Transaction& tx) -> Result<> {
    ACLOUD_CHECK(tx.execute("DELETE FROM databases_deleted WHERE id = $1", {id}));
    return {};
  });
}

// Readers see what is on disk alone, so what is deleted for them is so for good. A server removes what it
// deleted itself; what stays, since that server died, any does.
Task<Result<>> DatabaseService::maintain(Time now) {
  engine_.tidy();
  std::vector<std::string> deleted;
  {
    const std::lock_guard lock(mutex_);
    deleted.swap(deleted_);
  }
  for (const std::string& id : deleted) {
    ACLOUD_CO_TRY(const Rows rows,
                  co_await database_.query("SELECT 1 FROM databases_deleted WHERE id = $1", {id}));
    if (!rows.empty()) {
      ACLOUD_CO_CHECK(co_await remove_deleted(id));
      continue;
    }
    ACLOUD_CO_TRY(const Rows named, co_await database_.query("SELECT 1 FROM databases WHERE id = $1", {id}));
    if (named.empty()) continue;  // another server has removed it
    const std::lock_guard lock(mutex_);
    deleted_.push_back(id);  // its end is not on disk yet
  }
  ACLOUD_CO_TRY(const Rows rows, co_await database_.query(
                                     "SELECT id FROM databases_deleted WHERE at <= $1 ORDER BY at LIMIT $2",
                                     {store::to_value(now - kOthersWait), kRemovedAtOnce}));
  for (const store::Row& row : rows) ACLOUD_CO_CHECK(co_await remove_deleted(row.text(0)));
  co_return Result<>();
}

Task<Result<std::uint64_t>> DatabaseService::sweep() {
  ACLOUD_CO_TRY(const std::vector<std::string> ids, co_await engine_.ids());
  std::set<std::string> suspects;
  std::uint64_t removed = 0;
  for (const std::string& id : ids) {
    if (engine_.shared() && !suspects_.contains(id)) {
      ACLOUD_CO_TRY(const Rows rows, co_await database_.query("SELECT 1 FROM databases WHERE id = $1", {id}));
      if (rows.empty()) suspects.insert(id);
      continue;
    }
    ACLOUD_CO_TRY(const bool gone, co_await remove_if_unnamed(id));
    removed += gone ? 1 : 0;
  }
  suspects_ = std::move(suspects);
  co_return removed;
}

}  // namespace acloud::storage
