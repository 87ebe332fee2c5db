// The part of product `batch` that makes batches and tells of them; `Runner` does them.
#pragma once

#include <functional>

#include "batch/batch_rows.h"
#include "kernel/call.h"

namespace acloud::batch {

class BatchService {
 public:
  static constexpr std::int64_t kOpenMost = 100;  // batches of one workspace that have not ended

  // `changed` is called when a runner may have something to do.
  explicit BatchService(std::function<void()> changed) : changed_(std::move(changed)) {}

  // Errors: not_found (the file), invalid_argument (its purpose, the metadata), too_large (open batches).
  Task<Result<Batch>> create(kernel::Context& context, CreateBatch request);
  Task<Result<Batch>> get(kernel::Context& context, BatchId request);
  Task<Result<BatchList>> list(kernel::Context& context, ListBatches request);
  // Lines under way are still finished; their answers are kept. Errors: not_found; conflict where it has
  // ended.
  Task<Result<Batch>> cancel(kernel::Context& context, BatchId request);

 private:
  Task<Result<Batch>> told(kernel::Context& context, Result<Batch> batch);

  std::function<void()> changed_;
};

}  // namespace acloud::batch
