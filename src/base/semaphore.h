// A counting semaphore that is posted without ever waiting. A condition variable is not: to signal one can
// wait, within the library, for those that were woken before and have not run since, which an event loop
// can't afford.
#pragma once

#include <semaphore.h>

namespace acloud {

class Semaphore {
 public:
  Semaphore() { ::sem_init(&raw_, 0, 0); }
  ~Semaphore() { ::sem_destroy(&raw_); }
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  void post() { ::sem_post(&raw_); }
  void wait() {
    while (::sem_wait(&raw_) != 0) {  // a signal came
    }
  }
  // False where it would wait.
  bool try_wait() { return ::sem_trywait(&raw_) == 0; }

 private:
  ::sem_t raw_;
};

}  // namespace acloud
