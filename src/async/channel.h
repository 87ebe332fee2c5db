// A bounded queue between tasks, on the same loop or on different ones. Full: send waits, which is how
// back-pressure travels. Closed: what is in it is still received, then the end.
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>

#include "async/task.h"
#include "async/wait.h"
#include "base/error.h"

namespace acloud::async {

template <class T>
class Channel {
 public:
  // REQUIRES: capacity >= 1; outlives its senders and receivers.
  explicit Channel(std::size_t capacity) : capacity_(capacity) {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Senders that wait are served in their order. The value is lost where this fails.
  // Errors: cancelled; unavailable (closed).
  Task<Result<>> send(T value);
  // False where it is full or closed; the value is then still the caller's. Thread-safe, never waits.
  bool try_send(T&& value);
  bool try_send(const T& value) { return try_send(T(value)); }
  // Nothing at the end. A value is never lost to a stop: it is given, or stays in the channel.
  // Errors: cancelled, and what close(error) gave, after the values before it.
  Task<Result<std::optional<T>>> receive();
  // Nothing where it is empty. Thread-safe, never waits.
  std::optional<T> try_receive();
  void close();             // thread-safe; a second close changes nothing
  void close(Error error);  // thread-safe
  // Values that wait to be received.
  std::size_t size() const;

 private:
  struct Sender;
  struct Receiver;
  class Send;
  class Receive;

  void close_with(std::optional<Error> error);
  bool accept(T& value, Receiver*& receiver);
  Sender* refill();
  Result<std::optional<T>> end() const;

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  // Always: receivers wait only where values_ is empty, senders only where it is full.
  std::deque<T> values_;
  detail::WaiterList<Sender> senders_;
  detail::WaiterList<Receiver> receivers_;
  bool closed_ = false;
  std::optional<Error> error_;
};

}  // namespace acloud::async

#include "async/channel_inl.h"
