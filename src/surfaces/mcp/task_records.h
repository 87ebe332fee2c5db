// What is kept of the protocol's tasks beyond the server's life: that there was one, and what came of it.
//
// A call that has become a task ends with its server. Its record does not: a client that comes back for it is
// told that it was cut off, rather than that there is no such task, and gets a result that was there before.
#pragma once

#include <string>

#include "store/database.h"

namespace acloud::surfaces::mcp {

struct TaskRecord {
  std::string id, owner, instance;
  Time created{}, updated{}, seen{};
  std::string status;   // "" while it is not known to have ended; completed, failed or cancelled
  std::string outcome;  // completed: the result's members; failed: the error, as JSON text
};

class TaskRecords {
 public:
  static constexpr std::size_t kOutcomeBytes = 4 << 20;  // of an outcome that is kept
  static constexpr std::chrono::seconds kBeatEvery{5};
  // Another server's task that was not seen for so long has no server any more.
  static constexpr std::chrono::seconds kLease{30};

  // `shared`: other servers use the database too.
  TaskRecords(store::Database& database, std::string instance, bool shared)
      : database_(database), instance_(std::move(instance)), shared_(shared) {}
  static std::vector<store::Migration> migrations();

  // On disk when it returns; those that began before `oldest` go.
  Task<Result<>> add(std::string id, std::string owner, Time now, Time oldest);
  // The first end that is told stands.
  Task<Result<>> end(std::string id, std::string status, std::string outcome, Time now);
  Task<Result<std::optional<TaskRecord>>> find(std::string id);
  // Says of those tasks of this server that have not ended that it is still there.
  Task<Result<>> beat(Time now);
  // Is the server that `record` ran on gone, or does it know nothing of it any more?
  bool is_lost(const TaskRecord& record, Time now) const;

 private:
  store::Database& database_;
  const std::string instance_;
  const bool shared_;
};

}  // namespace acloud::surfaces::mcp
