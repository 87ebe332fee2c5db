// Closes descriptors on a thread of its own. With the last descriptor of a jail's disk goes the file system,
// and unmounting one waits for the machine's disk: tens of milliseconds that an event loop can't spend.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "sandbox/jail/fd.h"

namespace acloud::sandbox::jail {

class Closer {
 public:
  Closer();
  // When all that was given has been closed.
  ~Closer();
  Closer(const Closer&) = delete;
  Closer& operator=(const Closer&) = delete;

  void close(Fd fd);

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable more_;
  std::vector<Fd> waiting_;
  bool ending_ = false;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace acloud::sandbox::jail
