// A model that is loaded and answers: what the rest of acloud uses of src/inference.
//
//   auto model = co_await LiveModel::open(options, pool);
//   auto generation = co_await (*model)->generate(request);
//   while (auto delta = co_await (*generation)->next()) { if (!*delta) break; ... **delta ... }
//   (*generation)->outcome()
//
// Many generations share the model's one engine thread; to drop one ends it between two steps.
#pragma once

#include <memory>

#include "async/wait.h"
#include "base/random.h"
#include "inference/engine/model_check.h"
#include "inference/live/embedder.h"
#include "inference/live/generate.h"
#include "inference/live/reply_diff.h"
#include "inference/live/worker.h"

namespace acloud::inference {

// A reply as it comes. One task at a time. Dropping it tells the engine to stop.
class Generation {
 public:
  Generation(std::shared_ptr<Worker> worker, std::shared_ptr<Job> job, ReplyDiff diff)
      : worker_(std::move(worker)), job_(std::move(job)), diff_(std::move(diff)) {}
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  // What is new; nothing at the end. Errors: cancelled; unavailable: too many wait, or the model is unloaded;
  // invalid_argument: the model can say nothing that fits the schema; internal: the model failed.
  Task<Result<std::optional<Delta>>> next();
  // Also before the end: what was used so far.
  Outcome outcome() const;

 private:
  std::shared_ptr<Worker> worker_;  // shared with the model, which may be dropped first
  std::shared_ptr<Job> job_;        // shared with the engine's thread
  ReplyDiff diff_;
  std::optional<Finish> finish_;
};

class LiveModel final : public Embedder {
 public:
  struct Options {
    EngineOptions engine;
    Worker::Options worker;
    std::optional<ModelCheck> check = ModelCheck();  // nothing: the file is known to be sound
    // Where what leaves memory is kept, which outlives the model; and the name that it has there.
    KeptStates* kept = nullptr;
    std::string name;
  };
  // Checks the file in a child process where that is asked for, then loads it; both on `pool`, which also
  // prepares what is asked and outlives the model. Errors: those of check_model() and open_llama().
  static Task<Result<std::unique_ptr<LiveModel>>> open(Options options, async::BlockingPool& pool,
                                                       Random& random);

  const ModelInfo& info() const { return worker_->engine().model(); }
  Scheduler::Stats stats() const { return worker_->stats(); }

  // Errors: invalid_argument: what the template, the schema, a setting or the context does not allow;
  // cancelled.
  Task<Result<std::unique_ptr<Generation>>> generate(Generate request);
  // How many tokens the prompt of `request` has. Errors: as generate().
  Task<Result<std::int32_t>> count(Generate request);
  // The mean of the last layer. A text is at most as long as a batch.
  Task<Result<Embedded>> embed(std::vector<std::string> texts) override;

 private:
  struct Prepared {
    std::shared_ptr<Job> job;
    std::shared_ptr<const ReplyReader> reader;
  };
  LiveModel(std::unique_ptr<Engine> engine, const Options& options, async::BlockingPool& pool,
            Random& random);
  Result<ChatPrompt> prompt_of(const Generate& request) const;
  Result<Prepared> prepare(Generate request);
  Result<std::int32_t> count_now(const Generate& request) const;

  async::BlockingPool& pool_;
  Random& random_;
  std::atomic<RequestId> ids_{0};
  std::shared_ptr<Worker> worker_;  // shared with generations under way
};

}  // namespace acloud::inference
