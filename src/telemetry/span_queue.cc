#include "telemetry/span_queue.h"

namespace acloud::telemetry {

void SpanQueue::take(FinishedSpan span) noexcept {
  const std::size_t bytes = span.bytes();
  bool rings = false;
  {
    const std::lock_guard lock(mutex_);
    if (spans_.size() >= limits_.spans || bytes_ + bytes > limits_.bytes) {
      ++dropped_;
      return;
    }
    bytes_ += bytes;
    spans_.push_back(std::move(span));
    rings = spans_.size() % limits_.batch == 0;
  }
  if (rings) full_batch_();
}

std::vector<FinishedSpan> SpanQueue::pop() {
  std::vector<FinishedSpan> batch;
  std::size_t size = 0;
  const std::lock_guard lock(mutex_);
  while (!spans_.empty() && batch.size() < limits_.batch) {
    const std::size_t bytes = spans_.front().bytes();
    if (!batch.empty() && size + bytes > limits_.batch_bytes) break;
    size += bytes;
    bytes_ -= bytes;
    batch.push_back(std::move(spans_.front()));
    spans_.pop_front();
  }
  return batch;
}

std::size_t SpanQueue::size() const {
  const std::lock_guard lock(mutex_);
  return spans_.size();
}

std::uint64_t SpanQueue::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace acloud::telemetry
