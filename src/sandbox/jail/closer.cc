#include "sandbox/jail/closer.h"

#include <pthread.h>

namespace acloud::sandbox::jail {

Closer::Closer() : thread_([this] { work(); }) {}

Closer::~Closer() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  more_.notify_one();
}

void Closer::close(Fd fd) {
  if (!fd) return;
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(fd));
  }
  more_.notify_one();
}

void Closer::work() {
  ::pthread_setname_np(::pthread_self(), "acloud-close");
  std::unique_lock lock(mutex_);
  while (true) {
    more_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    std::vector<Fd> closing = std::move(waiting_);
    waiting_.clear();
    lock.unlock();
    closing.clear();
    lock.lock();
  }
}

}  // namespace acloud::sandbox::jail
