// Copies pages from SQLite's log into its file on a thread of its own, while the writer goes on.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "store/sqlite/connection.h"

namespace acloud::store::sqlite {

class Checkpointer {
 public:
  static constexpr int kWorthCopying = 1000;  // pages: 4 MiB

  // REQUIRES: the database is there.
  static Result<std::unique_ptr<Checkpointer>> start(const Location& location);
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  // Told by the writer after each commit; starts a copy where it is worth one.
  void log_has(int pages);
  // Runs `work`, a checkpoint of the writer's own, when this one copies nothing: two at once get in each
  // other's way.
  void while_idle(const std::function<void()>& work);

 private:
  explicit Checkpointer(std::unique_ptr<SqliteConnection> connection);
  void run();

  const std::unique_ptr<SqliteConnection> connection_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable idle_;
  bool copying_ = false;
  int pages_ = 0;   // in the log now
  int copied_ = 0;  // of them, when the last copy began
  bool stopped_ = false;
  std::jthread thread_;
};

}  // namespace acloud::store::sqlite
