// The Tasks extension: a call that takes long goes on by itself, and its client comes back for it.
//
// A tool that may become a task is started as one. What is done, or has to ask before it is a task, within
// kPatience is answered like any other call; else the client gets the task's id. A task is kept until kKept
// after it began. A restart of the server ends it, as it ends the call that it is; its record says so then
// (task_records.h). What outlives a server is no matter of this file: catalog_tasks.h.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "async/event_loop.h"
#include "async/task_scope.h"
#include "base/clock.h"
#include "base/random.h"
#include "surfaces/mcp/offer.h"
#include "surfaces/mcp/task_records.h"

namespace acloud::surfaces::mcp {

class Tasks {
 public:
  static constexpr std::chrono::milliseconds kPatience{500};
  static constexpr std::chrono::minutes kKept{60};
  static constexpr std::size_t kMost = 10'000;
  static constexpr std::size_t kMostOfOne = 500;

  Tasks(Clock& clock, Random& random, async::LoopThreads& loops, TaskRecords records);
  ~Tasks();

  // Calls `tool` for a client that has the extension. `state` is what ask() was given in the round before.
  // Errors: the call's, and internal_error where there are too many.
  Task<Rpc<Answer>> call(Offer& offer, std::shared_ptr<const Tool> tool, const Exchange& exchange,
                         Json arguments);
  // What tasks/get, tasks/update and tasks/cancel answer. Errors: invalid_params: no such task.
  Task<Rpc<Answer>> get(const kernel::Caller& caller, std::string id);
  Task<Rpc<Answer>> update(const kernel::Caller& caller, std::string id, const Json& responses);
  Task<Rpc<Answer>> cancel(const kernel::Caller& caller, std::string id);
  // Is `id` one that this gives?
  static bool is_id(std::string_view id);

  // What has to be done each second or so.
  Task<Result<>> maintain();

  // Ends them all and waits. REQUIRES: the calling thread runs no loop.
  void stop();

 private:
  class Job;
  class JobExchange;
  static Task<> run(Tasks& tasks, std::shared_ptr<Job> job);
  static Task<int> end(Tasks& tasks, async::TaskScope& scope);
  Task<Rpc<Answer>> keep(std::shared_ptr<Job> job);
  Rpc<> add(const std::shared_ptr<Job>& job);
  Task<> record_end(std::shared_ptr<Job> job);
  // Null where it is not in this server's memory.
  std::shared_ptr<Job> find(const kernel::Caller& caller, const std::string& id);
  Task<Rpc<TaskRecord>> recorded(const kernel::Caller& caller, std::string id);
  void sweep();

  Clock& clock_;
  Random& random_;
  async::LoopThreads& loops_;
  TaskRecords records_;
  Instant next_beat_{};
  std::atomic<bool> ending_ = false;
  std::vector<std::unique_ptr<async::TaskScope>> scopes_;  // one a loop
  std::mutex mutex_;
  // Shared with their own coroutines and with requests that look at them.
  std::map<std::string, std::shared_ptr<Job>> kept_;
  std::map<Job*, std::shared_ptr<Job>> running_;
};

}  // namespace acloud::surfaces::mcp
