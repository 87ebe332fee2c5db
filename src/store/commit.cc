#include "store/commit.h"

#include "store/commit_state.h"

namespace acloud::store {

void Commit::State::resolve(Result<> result) {
  std::vector<Waiter> waiters;
  {
    const std::scoped_lock lock(mutex_);
    outcome_ = std::move(result);
    waiters.swap(waiters_);
  }
  for (const Waiter& waiter : waiters) waiter.loop->resume(waiter.coroutine);
}

std::optional<Result<>> Commit::State::outcome() const {
  const std::scoped_lock lock(mutex_);
  return outcome_;
}

bool Commit::State::add_waiter(std::coroutine_handle<> waiter) {
  const std::scoped_lock lock(mutex_);
  if (outcome_) return false;
  waiters_.push_back({async::EventLoop::current(), waiter});
  return true;
}

Task<Result<>> Commit::wait() const {
  struct Awaiter {
    State& state;
    async::EventLoop::ExternalWork external{*async::EventLoop::current()};
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> waiter) const { return state.add_waiter(waiter); }
    void await_resume() const noexcept {}
  };
  const std::shared_ptr<State> state = state_;  // the Commit may go while this waits
  if (state == nullptr) co_return Result<>{};
  co_await Awaiter{*state};
  co_return *state->outcome();
}

bool Commit::done() const { return state_ == nullptr || state_->outcome().has_value(); }

std::optional<Result<>> Commit::outcome() const {
  return state_ == nullptr ? std::optional(Result<>()) : state_->outcome();
}

}  // namespace acloud::store
