// model.generate is the work of three products: `model` has the provider make something, `task` sees to it,
// and `object` keeps the result. What each takes of the others is wired here.
#pragma once

#include <memory>

#include "kernel/call_path.h"
#include "model/generation/generations.h"
#include "model/model_service.h"
#include "task/task_service.h"

namespace acloud {

class GenerationParts {
 public:
  // What is made only after the products that use it are declared, by where it will be.
  struct Parts {
    store::Database& database;
    Clock& clock;
    Random& random;
    ledger::Ledger& ledger;
    async::LoopThreads& loops;
    model::ModelService& models;
    const std::unique_ptr<task::TaskService>& tasks;
    const std::unique_ptr<kernel::CallPath>& path;
  };
  // REQUIRES: all of them outlive it, and `loops` run when it ends.
  explicit GenerationParts(Parts parts);

  model::generation::Generations& generations() { return generations_; }
  // As the tasks' runner calls them.
  task::Errands errands();

 private:
  model::Upstreams upstreams_;
  model::generation::Generations generations_;
};

}  // namespace acloud
