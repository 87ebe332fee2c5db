// Tasks and their journals as tables; store_journal.h writes the journals.
//
// A task's row has `due`: when a server may take it up. A queued task is due at once, a waiting one when its
// time comes, and one that runs when its server's lease is over, so that a task whose server was killed comes
// back by itself; a task that has ended is never due. Every entry of the journal is written in a transaction
// that first sees the lease still held: a server that was thought dead and is not can't write beside the one
// that took over.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "kernel/grant.h"
#include "store/database.h"
#include "task/drive.h"

namespace acloud::task {

// Whose a task is: the rights that it was asked for with.
struct Owner {
  std::string workspace, principal, key;
  std::vector<kernel::Grant> grants;
  static constexpr auto schema = fields(field("workspace", &Owner::workspace, "The workspace."),
                                        field("principal", &Owner::principal, "Who."),
                                        field("key", &Owner::key, "The key that was used."),
                                        field("grants", &Owner::grants, "What it leaves."));
};

struct NewTask {
  std::string id;
  Owner owner;
  std::string spec_json, tools_json;
  std::string goal;
  std::string secret;  // in the idempotency keys of its steps, so that nobody else can use these first
  std::int64_t priority = 5;
  bool bound = false;  // it may use sandboxes, which only the server that has them reaches
  Time created{}, deadline{};
  std::string parent;  // the task that asked for it; "" for none
  std::int64_t depth = 0;
  std::string errand = {};  // as in Spec
};

// A task that this server has taken up.
struct Claimed {
  std::string id;
  Owner owner;
  std::string spec_json, tools_json, secret, interrupt;
  std::int64_t attempt = 1;
  Time deadline{};
  Time created{};
  std::string parent;  // "" for none
  std::string errand;  // as in Spec
};

struct Holder {
  std::string instance;
  std::string place;  // the data folder, as kernel::Instance has it
  std::chrono::seconds lease{15};
};

// Why a task is interrupted whose sandboxes are at a place that is gone for good.
inline constexpr std::string_view kMoved = "moved";

std::vector<store::Migration> migrations();
Result<> forget_workspace(store::Transaction& transaction, const std::string& workspace);

namespace tables {

Result<> add(store::Transaction& transaction, const NewTask& task, const Owner& owner);
// Takes up to `most` tasks that are due: those with a higher priority first, a workspace in turn with the
// others (`running`: how many each has here), and of one workspace the longest due. One that waits long
// enough comes before any priority. One that is bound to a place is taken there, and elsewhere only to be
// interrupted (kMoved), when the place is gone for good. One that a newer engine has had is left to such:
// what is taken is of this engine's version from then on.
Result<std::vector<Claimed>> claim(store::Transaction& transaction, const Holder& holder, Time now,
                                   std::size_t most, std::map<std::string, std::size_t> running);
// Keeps the leases of these; gives why any of them is to be interrupted, and "lost" for those that are no
// longer held.
Result<std::map<std::string, std::string>> beat(store::Transaction& transaction, const Holder& holder,
                                                Time now, const std::vector<std::string>& tasks);
// At the start: what dead runs held is due. These are all others where the server is `alone` on the store,
// else those without a lease.
Result<> take_over(store::Transaction& transaction, const Holder& holder, bool alone, Time now);
// A task has ended: the first of those that wait for resources, by priority until one has waited long, are
// due.
Result<> wake_next(store::Transaction& transaction, Time now);
// When the next task is due that this server may take; nothing where none is.
Result<std::optional<Time>> next_due(store::Reader& reader, const Holder& holder, Time now);

struct TaskOf {
  std::string workspace, id;
  auto operator<=>(const TaskOf&) const = default;
};
// Which of these are another place's by now, so that what they had here is to go. Not those that keep their
// sandboxes.
Result<std::set<TaskOf>> abandoned(store::Reader& reader, const Holder& holder,
                                   const std::set<TaskOf>& tasks);

// Errors of these: not_found.
Result<TaskInfo> find(store::Reader& reader, const std::string& workspace, const std::string& id);
Result<TaskList> list(store::Reader& reader, const std::string& workspace, const ListTasks& request,
                      const std::string& after);
// Stops it and all below it. Gives the ids of these too.
struct Interrupted {
  TaskInfo task;
  std::vector<std::string> below;
};
Result<Interrupted> interrupt(store::Transaction& transaction, const std::string& workspace,
                              const std::string& id, Time now);
Result<TaskInfo> add_signal(store::Transaction& transaction, const std::string& workspace,
                            const SignalTask& signal, Time now);
// Errors: also conflict: it has not failed or been cancelled, is a child, or an errand.
Result<TaskInfo> retry(store::Transaction& transaction, const std::string& workspace, const std::string& id,
                       Time now);
struct Line {
  Entry entry;
  Time ended{};
};
// The journal of the last attempt from `after` on, at most `most` lines with an outcome.
Result<std::vector<Line>> lines(store::Reader& reader, const std::string& id, std::int64_t attempt,
                                std::int64_t after, std::int64_t most);
// How far an errand is, as its last look told; null where nothing is known, or it is none.
Result<Json> progress(store::Reader& reader, const std::string& id, std::int64_t attempt);

}  // namespace tables

}  // namespace acloud::task
