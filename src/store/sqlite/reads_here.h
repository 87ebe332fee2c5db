// Connections for reads on the threads of those who ask (Database::read_here).
//
// To begin a read and to end it takes SQLite two locks on the file, which is an eighth of all that a small
// read over HTTP costs. So a connection keeps its snapshot from one read to the next for as long as there is
// no newer: with each commit the writer ends all that are kept.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "store/connection.h"
#include "store/job.h"

namespace acloud::store::sqlite {

class ReadsHere {
 public:
  using Connect = std::function<Result<std::unique_ptr<Connection>>()>;

  explicit ReadsHere(Connect connect) : connect_(std::move(connect)) {}

  // Runs and answers the job on this thread. It sees all that was committed before renew() returned last.
  // Thread-safe.
  void run(detail::ReadJob& job);
  // The writer has committed. `keep`: may snapshots be kept from here on? Not where the log is to begin anew,
  // which they would be in the way of. Thread-safe.
  void renew(bool keep);

 private:
  struct Spare {
    std::unique_ptr<Connection> connection;
    bool reads = false;  // its snapshot is kept
  };
  Result<> read(Spare& spare, detail::ReadJob& job);

  const Connect connect_;
  std::mutex mutex_;
  std::uint64_t renewed_ = 0;  // how often
  bool keep_ = true;
  std::vector<Spare> spare_;
};

}  // namespace acloud::store::sqlite
