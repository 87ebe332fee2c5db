// Runs the batches whose input is in this server's data folder, a few of each workspace at a time.
#pragma once

#include "async/event_loop.h"
#include "batch/run.h"

namespace acloud::batch {

class Runner {
 public:
  struct Parts {
    RunParts run;
    async::EventLoop& loop;              // on which models can be called
    std::chrono::seconds drain;          // how long lines under way may go on at the end
    std::chrono::seconds keep_ended{0};  // batches that have ended are forgotten so long after; 0: never
  };
  explicit Runner(Parts parts) : parts_(std::move(parts)) {}
  ~Runner();  // REQUIRES: stopped, or never started
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // Goes on with what an earlier run of the server left.
  void start();
  // Batches stay where they are. Blocks. REQUIRES: the calling thread runs no loop.
  void stop();
  void wake() { (void)bell_.try_send(true); }  // thread-safe: there may be something to do

 private:
  Task<> end();
  Task<> work();
  Task<Result<>> take();
  Task<Result<>> prune();
  Task<> go_on(StoredBatch batch, Run& run);

  Parts parts_;
  async::Channel<bool> bell_{1};
  // All that follows on the loop's thread.
  std::unique_ptr<async::TaskScope> scope_;
  std::map<std::string, std::unique_ptr<Run>> runs_;
  bool stopping_ = false;
};

}  // namespace acloud::batch
