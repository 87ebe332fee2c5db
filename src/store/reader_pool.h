// Threads that read, each over a connection of its own, and spare connections for reads on other threads.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "store/connection.h"
#include "store/job.h"
#include "store/job_queue.h"

namespace acloud::store {

class ReaderPool {
 public:
  using Connect = std::function<Result<std::unique_ptr<Connection>>()>;

  // Errors: those of `connect`, which is kept for run_here.
  static Result<std::unique_ptr<ReaderPool>> start(std::size_t threads, Connect connect);
  ~ReaderPool();  // answers what is queued first
  ReaderPool(const ReaderPool&) = delete;
  ReaderPool& operator=(const ReaderPool&) = delete;

  void submit(detail::ReadJob& job) { queue_.push(job); }
  bool withdraw(detail::ReadJob& job) { return queue_.withdraw(job); }
  // Runs and answers the job on this thread, over a spare connection, or a new one if none is spare.
  void run_here(detail::ReadJob& job);

 private:
  explicit ReaderPool(Connect connect) : connect_(std::move(connect)) {}
  static Result<> read(Connection& connection, detail::ReadJob& job);
  Result<std::unique_ptr<Connection>> take_spare();

  const Connect connect_;
  JobQueue<detail::ReadJob> queue_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> spare_;
  std::vector<std::jthread> threads_;
};

}  // namespace acloud::store
