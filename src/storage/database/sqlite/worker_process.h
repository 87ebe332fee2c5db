// The server's side of one worker process.
#pragma once

#include <sys/types.h>

#include <memory>
#include <vector>

#include "storage/database/sqlite/wire.h"

namespace acloud::storage::sqlite {

class WorkerProcess {
 public:
  // Starts `program` with `folder` as its last word. Blocks for a moment. Errors: unavailable, internal.
  static Result<std::unique_ptr<WorkerProcess>> start(const std::vector<std::string>& program,
                                                      const std::string& folder);
  // Kills it.
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  // Blocks until the answer is there, or `stop`. A worker that has none by then or in time, or dies, is not
  // sound afterwards; what it had not committed is undone by whoever opens the file next.
  // Errors: as SqlEngine::run.
  Result<QueryReply> run(const WorkerQuery& query, const async::StopEvent& stop);
  bool sound() const { return sound_; }

  pid_t pid() const { return pid_; }
  const std::string& last_file() const { return last_file_; }
  Instant last_used() const { return last_used_; }

 private:
  WorkerProcess() = default;
  Result<QueryReply> exchange(const WorkerQuery& query, const async::StopEvent& stop);

  pid_t pid_ = -1;
  int socket_ = -1;
  bool sound_ = true;
  std::string last_file_;
  Instant last_used_{};
};

}  // namespace acloud::storage::sqlite
