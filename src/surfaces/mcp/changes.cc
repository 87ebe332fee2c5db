#include "surfaces/mcp/changes.h"

namespace acloud::surfaces::mcp {

Changes::Listener::Listener(Changes& changes, std::function<bool(const Change&)> wants)
    : changes_(changes), wants_(std::move(wants)) {
  const std::lock_guard lock(changes_.mutex_);
  changes_.listeners_.push_back(this);
  if (changes_.closed_) queue_.close();
}

Changes::Listener::~Listener() {
  const std::lock_guard lock(changes_.mutex_);
  std::erase(changes_.listeners_, this);
}

void Changes::publish(const Change& change) {
  const std::lock_guard lock(mutex_);
  for (Listener* listener : listeners_) {
    if (listener->wants_(change)) (void)listener->queue_.try_send(change);
  }
}

void Changes::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (Listener* listener : listeners_) listener->queue_.close();
}

std::size_t Changes::listeners() const {
  const std::lock_guard lock(mutex_);
  return listeners_.size();
}

}  // namespace acloud::surfaces::mcp
