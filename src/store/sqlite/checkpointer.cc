#include "store/sqlite/checkpointer.h"

#include <pthread.h>

namespace acloud::store::sqlite {

Result<std::unique_ptr<Checkpointer>> Checkpointer::start(const Location& location) {
  ACLOUD_TRY(auto connection, SqliteConnection::open(location, SqliteConnection::Role::checkpointer));
  return std::unique_ptr<Checkpointer>(new Checkpointer(std::move(connection)));
}

Checkpointer::Checkpointer(std::unique_ptr<SqliteConnection> connection)
    : connection_(std::move(connection)), thread_([this] { run(); }) {
  pthread_setname_np(thread_.native_handle(), "acloud-ckpt");
}

Checkpointer::~Checkpointer() {
  {
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Checkpointer::log_has(int pages) {
  const std::scoped_lock lock(mutex_);
  if (pages < copied_) copied_ = 0;  // the log started over
  pages_ = pages;
  if (pages_ - copied_ >= kWorthCopying) changed_.notify_one();
}

void Checkpointer::while_idle(const std::function<void()>& work) {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return !copying_; });
  copied_ = pages_;
  work();
}

void Checkpointer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopped_ || pages_ - copied_ >= kWorthCopying; });
    if (stopped_) return;  // closing the last connection copies what is left
    copied_ = pages_;
    copying_ = true;
    lock.unlock();
    // A failure loses nothing: what is in the log stays there, and the next round tries again.
    std::ignore = connection_->checkpoint();
    lock.lock();
    copying_ = false;
    idle_.notify_one();
  }
}

}  // namespace acloud::store::sqlite
