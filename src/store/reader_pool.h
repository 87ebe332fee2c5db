// Threads that read, each over a connection of its own.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "store/connection.h"
#include "store/job.h"
#include "store/job_queue.h"

namespace acloud::store {

class ReaderPool {
 public:
  using Connect = std::function<Result<std::unique_ptr<Connection>>()>;

  // Errors: those of `connect`.
  static Result<std::unique_ptr<ReaderPool>> start(std::size_t threads, const Connect& connect);
  ~ReaderPool();  // answers what is queued first
  ReaderPool(const ReaderPool&) = delete;
  ReaderPool& operator=(const ReaderPool&) = delete;

  void submit(detail::ReadJob& job) { queue_.push(job); }
  bool withdraw(detail::ReadJob& job) { return queue_.withdraw(job); }

 private:
  ReaderPool() = default;
  static Result<> read(Connection& connection, detail::ReadJob& job);

  JobQueue<detail::ReadJob> queue_;
  std::vector<std::jthread> threads_;
};

}  // namespace acloud::store
