// The thread that an engine has for itself: it takes jobs in and out between steps, and does what the
// scheduler decides. It holds the states that are put aside. What leaves memory, and what is there at the
// end, it hands over to a shelf on disk, and takes back from there what the scheduler wants: copies of memory
// alone, since the shelf has threads of its own.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "inference/context_cache/kept_states.h"
#include "inference/context_cache/reading_cost.h"
#include "inference/live/job.h"
#include "inference/scheduler/scheduler.h"

namespace acloud::inference {

class Worker {
 public:
  struct Options {
    std::size_t waiting = 10'000;                 // jobs in the queue at most
    bool reuse = true;                            // prefixes
    std::int32_t chunk = 128;                     // of prompts in a step beside sequences that speak
    std::optional<KeptStates::Shelf> shelf = {};  // where states are kept on disk
    ByteCount aside = {};                         // of states put aside at most; 0: none is
  };
  Worker(std::unique_ptr<Engine> engine, const Options& options);
  // Ends the step under way; what is not done fails with `unavailable`. What is held goes to the shelf, as
  // much as a few seconds allow.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  const Engine& engine() const { return *engine_; }
  const std::optional<KeptStates::Shelf>& shelf() const { return shelf_; }
  // Its reply, or why there is none, comes through job->said. Thread-safe.
  void submit(std::shared_ptr<Job> job);
  // The job is left at the end of the step under way. Not known: nothing happens. Thread-safe.
  void cancel(RequestId id);
  Scheduler::Stats stats() const;
  // An embedding, computed between two steps on this thread's engine. Thread-safe.
  void embed(std::vector<Token> tokens, std::function<void(Result<std::vector<float>>)> done);

 private:
  struct Embedding {
    std::vector<Token> tokens;
    std::function<void(Result<std::vector<float>>)> done;
  };
  struct Fetched {
    RequestId request;
    PrefixIndex::Id state;
    Result<KeptStates::Read> read;
  };
  struct Inbox {
    std::vector<std::shared_ptr<Job>> jobs;
    std::vector<RequestId> cancelled;
    std::vector<Embedding> embeddings;
    std::vector<Fetched> fetched;
    bool empty() const { return jobs.empty() && cancelled.empty() && embeddings.empty() && fetched.empty(); }
  };

  void run(const std::stop_token& stop);
  bool take_inbox(const std::stop_token& stop, bool idle);
  void begin(std::shared_ptr<Job> job);
  void do_step(const Step& step);
  Result<> compute(const Step& step);
  ByteCount state_bytes(std::size_t tokens) const;
  void fetch(const Fetch& fetch);
  void take_fetched(Fetched fetched);
  void keep(const Leaving& leaving, bool at_the_end);
  void keep_all();
  bool restore(const Move& move);
  void put_aside(const Move& move);
  bool recall(const Move& move);
  void hear(Job& job, const Sampled& sampled);
  void say(Job& job, std::string text, std::optional<Finish> finish);
  void fail_job(RequestId id, const Error& error);
  void note_stats();

  std::unique_ptr<Engine> engine_;
  std::optional<KeptStates::Shelf> shelf_;
  ReadingCost cost_;
  Scheduler scheduler_;
  std::map<Aside::Id, std::string> aside_;
  std::optional<Fetched> here_;                     // read, and not taken in yet
  std::map<RequestId, std::shared_ptr<Job>> jobs_;  // shared with the tasks that read them

  mutable std::mutex mutex_;
  std::condition_variable_any more_;
  Inbox inbox_;
  Scheduler::Stats stats_;
  int reading_ = 0;  // reads whose end has not come into the inbox

  std::jthread thread_;  // last: it ends before the rest goes
};

}  // namespace acloud::inference
