// Runs the tasks that are due: a worker on each loop takes some, and drives them until they end or wait.
//
// A task that waits is a row and nothing else. One that runs keeps its lease by a beat every few seconds;
// when its server dies, another takes it up when the lease is over, or the same server when it starts again.
// One that uses sandboxes stays with the data folder that it was begun on, where they are, as long as that
// may come back; then another server ends it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <set>

#include "async/channel.h"
#include "async/event_loop.h"
#include "kernel/call_path.h"
#include "kernel/instances.h"
#include "task/errand.h"
#include "task/store_journal.h"

namespace acloud::task {

// Tells who follows a task that something happened.
class Board {
 public:
  class Watch {
   public:
    Watch(Board& board, std::string task);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    // When something happened since it was made; at the latest after `longest`. Errors: cancelled.
    Task<Result<>> wait(Duration longest);

   private:
    Board& board_;
    std::string task_;
    async::OneShot<bool> shot_;
    friend class Board;
  };
  void changed(const std::string& task);  // thread-safe

 private:
  std::mutex mutex_;
  std::map<std::string, std::set<Watch*>> watches_;
};

class Runner {
 public:
  struct Parts {
    kernel::CallPath& path;
    store::Database& database;
    Clock& clock;
    Random& random;
    async::LoopThreads& loops;
    Board& board;
    kernel::Instance instance;
    bool exclusive;  // no other server has the database open
    // Whether the API key of this id still works: a task is not gone on with whose key was revoked.
    std::function<Task<Result<bool>>(std::string key)> key_works;
    WhenEnded when_ended;
    Errands errands = {};
    std::size_t at_once = 64;  // tasks that run on one loop
  };
  explicit Runner(Parts parts);
  ~Runner();  // REQUIRES: stopped, or never started
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // Takes up what an earlier run of the server left. To be awaited before start().
  Task<Result<>> take_over();
  void start();
  // Tasks are left where they are, to go on later; what makes or removes a resource is done first. Blocks.
  // REQUIRES: the calling thread runs no loop.
  void stop();
  void wake();                              // thread-safe: a task is due
  void interrupt(const std::string& task);  // thread-safe: it was cancelled
  std::size_t running() const { return running_.load(std::memory_order_relaxed); }

 private:
  class Worker;
  Parts parts_;
  Holder holder_;
  std::atomic<std::size_t> running_ = 0;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace acloud::task
