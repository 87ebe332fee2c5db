// Schedules as rows of the store.
#pragma once

#include "kernel/grant.h"
#include "store/database.h"
#include "task/schedule/schedule_types.h"

namespace acloud::task::schedule {

std::vector<store::Migration> migrations();
Result<> forget_workspace(store::Transaction& transaction, const std::string& workspace);

// A schedule and whose it is: it runs tasks with the rights that its maker had.
struct Stored {
  std::string id;  // never used for another, and known to nobody outside
  kernel::Caller owner;
  Schedule shown;
};

namespace rows {

// Errors: not_found; those of the store.
Result<Stored> find(store::Reader& reader, const std::string& workspace, const std::string& name);
Result<std::vector<Stored>> list(store::Reader& reader, const std::string& workspace,
                                 const std::string& after, std::int64_t limit);
// Those that are to run by `now`, the most overdue first.
Result<std::vector<Stored>> due(store::Reader& reader, Time now, std::int64_t limit);
// Errors: conflict.
Result<> add(store::Transaction& tx, const Stored& stored);
Result<> set_paused(store::Transaction& tx, const Stored& stored, bool paused, std::optional<Time> next);
Result<> remove(store::Transaction& tx, const std::string& workspace, const std::string& name);

// What became of the time that `before.shown.next` was. Nothing where another server was first.
struct Turn {
  std::optional<Time> next;
  std::string outcome;
  std::optional<std::string> task;  // that was started
};
Result<> advance(store::Transaction& tx, const Stored& before, const Turn& turn);

}  // namespace rows
}  // namespace acloud::task::schedule
