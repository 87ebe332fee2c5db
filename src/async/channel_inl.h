// The templates of channel.h.
//
// A value goes to a waiting receiver by hand, under the mutex, once that receiver was claimed; so a receiver
// that is stopped at the same moment either has the value or never had it.
#pragma once

#include "async/channel.h"

namespace acloud::async {

template <class T>
struct Channel<T>::Sender : detail::ListedWaiter<Sender> {
  explicit Sender(T v) : value(std::move(v)) {}
  T value;
  bool taken = false;
};

template <class T>
struct Channel<T>::Receiver : detail::ListedWaiter<Receiver> {
  std::optional<T> value;
};

// Takes `value` into the channel, or gives it to the first receiver that waits, which the caller resumes.
// False where there is no place.
template <class T>
bool Channel<T>::accept(T& value, Receiver*& receiver) {
  receiver = receivers_.pop_claimed();
  if (receiver) {
    receiver->value.emplace(std::move(value));
    return true;
  }
  if (values_.size() >= capacity_) return false;
  values_.push_back(std::move(value));
  return true;
}

// A place became free: takes the value of the first sender that waits, which the caller resumes.
template <class T>
Channel<T>::Sender* Channel<T>::refill() {
  Sender* sender = senders_.pop_claimed();
  if (sender) {
    values_.push_back(std::move(sender->value));
    sender->taken = true;
  }
  return sender;
}

template <class T>
class Channel<T>::Send {
 public:
  Send(Channel& channel, T value) : channel_(channel), sender_(std::move(value)) {}
  bool await_ready() {
    sender_.taken = channel_.try_send(std::move(sender_.value));
    return sender_.taken;
  }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> task) {
    const std::stop_token& token = task.promise().stop_token();
    if (token.stop_requested()) return false;
    sender_.suspend(task);
    Receiver* receiver = nullptr;
    {
      const std::lock_guard lock(channel_.mutex_);
      if (channel_.closed_ || channel_.accept(sender_.value, receiver)) {
        sender_.taken = !channel_.closed_;
        if (receiver) receiver->resume();
        return false;
      }
      channel_.senders_.push(sender_);
    }
    sender_.claim_on_stop(token);
    return true;
  }
  Result<> await_resume() {
    sender_.resumed();
    const std::lock_guard lock(channel_.mutex_);
    channel_.senders_.remove(sender_);
    if (sender_.taken) return {};
    if (channel_.closed_) return fail(ErrorCode::unavailable, "the channel is closed");
    return cancelled();
  }

 private:
  Channel& channel_;
  Sender sender_;
};

template <class T>
class Channel<T>::Receive {
 public:
  explicit Receive(Channel& channel) : channel_(channel) {}
  bool await_ready() {
    receiver_.value = channel_.try_receive();
    return receiver_.value.has_value();
  }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> task) {
    const std::stop_token& token = task.promise().stop_token();
    if (token.stop_requested()) return false;
    receiver_.suspend(task);
    {
      const std::lock_guard lock(channel_.mutex_);
      if (!channel_.values_.empty()) {
        // It came since await_ready looked; no sender can wait, since there was place for one more.
        receiver_.value.emplace(std::move(channel_.values_.front()));
        channel_.values_.pop_front();
        return false;
      }
      if (channel_.closed_) return false;
      channel_.receivers_.push(receiver_);
    }
    receiver_.claim_on_stop(token);
    return true;
  }
  Result<std::optional<T>> await_resume() {
    receiver_.resumed();
    const std::lock_guard lock(channel_.mutex_);
    channel_.receivers_.remove(receiver_);
    if (receiver_.value) return std::move(receiver_.value);
    if (channel_.closed_ && channel_.values_.empty()) return channel_.end();
    return cancelled();
  }

 private:
  Channel& channel_;
  Receiver receiver_;
};

template <class T>
Task<Result<>> Channel<T>::send(T value) {
  co_return co_await Send(*this, std::move(value));
}

template <class T>
Task<Result<std::optional<T>>> Channel<T>::receive() {
  co_return co_await Receive(*this);
}

template <class T>
bool Channel<T>::try_send(T&& value) {
  Receiver* receiver = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || !accept(value, receiver)) return false;
  }
  if (receiver) receiver->resume();
  return true;
}

template <class T>
std::optional<T> Channel<T>::try_receive() {
  std::optional<T> value;
  Sender* sender = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (values_.empty()) return value;
    value.emplace(std::move(values_.front()));
    values_.pop_front();
    sender = refill();
  }
  if (sender) sender->resume();
  return value;
}

template <class T>
void Channel<T>::close() {
  close_with(std::nullopt);
}

template <class T>
void Channel<T>::close(Error error) {
  close_with(std::move(error));
}

template <class T>
void Channel<T>::close_with(std::optional<Error> error) {
  const std::lock_guard lock(mutex_);
  if (std::exchange(closed_, true)) return;
  error_ = std::move(error);
  // Resumed under the mutex: each takes a turn of its loop, and takes the mutex there.
  while (Sender* sender = senders_.pop_claimed()) sender->resume();
  while (Receiver* receiver = receivers_.pop_claimed()) receiver->resume();
}

template <class T>
Result<std::optional<T>> Channel<T>::end() const {
  if (error_) return std::unexpected(*error_);
  return std::optional<T>();
}

template <class T>
std::size_t Channel<T>::size() const {
  const std::lock_guard lock(mutex_);
  return values_.size();
}

}  // namespace acloud::async
