// The moments by which a connection must get on. There are several at once and they change with every
// request, nearly always to a later one, so there is one timer, which is moved only when it fires.
#pragma once

#include <array>
#include <functional>

#include "async/event_loop.h"

namespace acloud::net {

class Timeouts {
 public:
  enum Kind { read, write, total };

  // REQUIRES: runs on the connection's loop. `on_expiry` is called once for each moment that comes.
  explicit Timeouts(std::function<void(Kind)> on_expiry)
      : loop_(*async::EventLoop::current()), on_expiry_(std::move(on_expiry)) {
    moments_.fill(Instant::max());
  }

  void set(Kind kind, Duration from_now);
  void clear(Kind kind) { moments_[kind] = Instant::max(); }
  // True where this kind's moment came, until it is set again.
  bool expired(Kind kind) const { return expired_[kind]; }

 private:
  void check();
  void schedule(Instant when);

  async::EventLoop& loop_;
  std::function<void(Kind)> on_expiry_;
  std::array<Instant, 3> moments_{};
  std::array<bool, 3> expired_{};
  Instant scheduled_ = Instant::max();
  async::EventLoop::Timer timer_;
};

}  // namespace acloud::net
