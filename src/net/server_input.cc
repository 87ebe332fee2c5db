#include "net/server_input.h"

#include <cstring>

namespace acloud::net {
namespace {

constexpr std::size_t kSmallest = 4 * 1024;
constexpr std::size_t kKept = 16 * 1024;
constexpr std::size_t kUsefulRoom = 1024;

}  // namespace

void Input::read_ahead() {
  if (!reading_ && begin_ == end_ && capacity_ > kKept) {
    storage_.reset();  // grown for a body; a connection between requests holds little
    capacity_ = begin_ = end_ = 0;
  }
  start_read(kSmallest);
}

// Compacts and grows, doubling, so that there is room worth a system call.
void Input::make_room(std::size_t capacity) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (capacity_ - end_ >= kUsefulRoom) return;
  const std::size_t size = end_ - begin_;
  if (size + kUsefulRoom > capacity_ && capacity_ < capacity) {
    const std::size_t larger = std::min(std::max({kSmallest, capacity_ * 2, size + kUsefulRoom}), capacity);
    auto storage = std::make_unique_for_overwrite<char[]>(larger);
    if (size != 0) std::memcpy(storage.get(), storage_.get() + begin_, size);
    storage_ = std::move(storage);
    capacity_ = larger;
  } else if (size != 0 && begin_ != 0) {
    std::memmove(storage_.get(), storage_.get() + begin_, size);
  }
  begin_ = 0;
  end_ = size;
}

void Input::start_read(std::size_t capacity) {
  if (reading_ || ended_) return;
  make_room(capacity);
  if (end_ == capacity_) return;
  reading_ = true;
  transport_.async_read_some(asio::buffer(storage_.get() + end_, capacity_ - end_),
                             [this](const AsioError& error, std::size_t count) { on_read(error, count); });
}

void Input::on_read(const AsioError& error, std::size_t count) {
  reading_ = false;
  end_ += count;
  received_ += count;
  if (error) {
    ended_ = true;
    error_ = error;
  }
  if (waiter_ && waiter_->claim()) {
    waiter_->resume();
  } else if (!error && !waiter_) {
    read_ahead();  // nobody waits: goes on noticing, while there is room
  }
  if (error) on_end_();
}

Task<> Input::settle() {
  while (reading_) co_await async::yield();
}

}  // namespace acloud::net
