// The work of product `database`: databases by name, each with its own SQL engine's walls.
//
// A database is a row here, which decides whether there is one, and what the engine has under the row's id.
// What was deleted is a row of another table until the engine has nothing of it any more, so that no crash
// leaves anything behind. An id without either row is removed by sweep().
#pragma once

#include <mutex>
#include <set>

#include "kernel/call.h"
#include "storage/database/database_types.h"
#include "storage/database/sql_engine.h"

namespace acloud::storage {

class DatabaseService {
 public:
  DatabaseService(store::Database& database, SqlEngine& engine) : database_(database), engine_(engine) {}

  static std::vector<store::Migration> migrations();
  static Result<> forget_workspace(store::Transaction& transaction, const std::string& workspace);

  Task<Result<DatabaseEntry>> create(kernel::Context& context, DatabaseName request);
  Task<Result<DatabaseList>> list(kernel::Context& context, ListDatabases request);
  Task<Result<DatabaseInfo>> get(kernel::Context& context, DatabaseName request);
  Task<Result<QueryReply>> query(kernel::Context& context, QueryDatabase request);
  Task<Result<DatabaseName>> remove(kernel::Context& context, DatabaseName request);

  // To be called about once a second: removes what deleted databases left, ends what is idle.
  Task<Result<>> maintain(Time now);
  // Now and then: removes what no row names, whoever left it; where other servers make databases too, which
  // are there before their rows, only what had none the time before either. How many went.
  Task<Result<std::uint64_t>> sweep();

 private:
  struct Found {
    DatabaseKey key;
    Time created{};
  };
  Task<Result<Found>> find(kernel::Context& context, std::string name);
  Task<Result<bool>> remove_if_unnamed(std::string id);
  Task<Result<>> remove_deleted(std::string id);

  store::Database& database_;
  SqlEngine& engine_;
  std::mutex mutex_;
  std::set<std::string> suspects_;    // of the last sweep; sweep()'s alone
  std::vector<std::string> deleted_;  // by this server; what they left goes when that is on disk
};

}  // namespace acloud::storage
