// A value that is made when it is first asked for: what is dear to make and often not needed.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace acloud {

// Made once, by whoever asks first; others wait for it. Thread-safe. Copies share the value.
template <class T>
class Lazy {
 public:
  using Make = std::function<T()>;  // does not throw

  explicit Lazy(Make make) : state_(std::make_shared<State>(std::move(make))) {}
  // One that is there already.
  explicit Lazy(T value) : Lazy(Make()) {
    std::call_once(state_->once, [&] { state_->value = std::move(value); });
  }

  const T& operator()() const {
    std::call_once(state_->once, [this] { state_->value = std::exchange(state_->make, nullptr)(); });
    return state_->value;
  }

 private:
  struct State {
    explicit State(Make how) : make(std::move(how)) {}
    std::once_flag once;
    Make make;
    T value{};
  };
  std::shared_ptr<State> state_;
};

}  // namespace acloud
