#include "storage/queue/waiters.h"

namespace acloud::storage {

Waiters::Place::Place(Waiters& waiters, std::string queue) : waiters_(waiters), queue_(std::move(queue)) {
  const std::lock_guard lock(waiters_.mutex_);
  auto& line = waiters_.lines_[queue_];
  at_ = line.insert(line.end(), this);
}

Waiters::Place::~Place() {
  bool pass_on = false;
  {
    const std::lock_guard lock(waiters_.mutex_);
    pass_on = !in_line_ && !used_;
    if (in_line_) {
      const auto line = waiters_.lines_.find(queue_);
      line->second.erase(at_);
      if (line->second.empty()) waiters_.lines_.erase(line);
    }
  }
  if (pass_on) waiters_.wake_one(queue_);
}

Task<Result<>> Waiters::Place::wait(Instant until) {
  auto woken =
      co_await async::with_deadline(async::Deadline::at(until), "waiting for a message", shot_.wait_task());
  if (woken) {
    used_ = true;
  } else if (woken.error().code() != ErrorCode::deadline_exceeded) {
    co_return std::unexpected(std::move(woken).error());
  }
  co_return Result<>();
}

void Waiters::wake_one(const std::string& queue) {
  const std::lock_guard lock(mutex_);
  const auto line = lines_.find(queue);
  if (line == lines_.end()) return;
  Place* first = line->second.front();
  line->second.pop_front();
  if (line->second.empty()) lines_.erase(line);
  first->in_line_ = false;
  first->shot_.set(true);  // under the lock: once it is out of line, the place may go
}

void Waiters::wake_all(const std::string& queue) {
  const std::lock_guard lock(mutex_);
  const auto line = lines_.find(queue);
  if (line == lines_.end()) return;
  for (Place* place : line->second) {
    place->in_line_ = false;
    place->shot_.set(true);
  }
  lines_.erase(line);
}

std::size_t Waiters::size() const {
  const std::lock_guard lock(mutex_);
  std::size_t size = 0;
  for (const auto& [queue, line] : lines_) size += line.size();
  return size;
}

}  // namespace acloud::storage
