// The templates of task_scope.h.
#pragma once

#include "async/task_scope.h"

namespace acloud::async {
namespace detail {

// A scope whose tasks fail together, and stop when `parent` is stopped.
class FailTogether {
 public:
  explicit FailTogether(std::stop_token parent) : forward_(std::move(parent), Forward{scope_}) {}
  TaskScope& scope() { return scope_; }
  void failed(Error error) {
    if (first_) return;
    first_ = std::move(error);
    scope_.cancel();
  }
  std::optional<Error>& first() { return first_; }

 private:
  struct Forward {
    TaskScope& scope;
    void operator()() const { scope.cancel(); }
  };
  TaskScope scope_;
  std::stop_callback<Forward> forward_;
  std::optional<Error> first_;
};

template <class T>
Task<> collect(Task<Result<T>> task, std::optional<T>& value, FailTogether& together) {
  Result<T> result = co_await std::move(task);
  if (result) {
    value.emplace(*std::move(result));
  } else {
    together.failed(std::move(result).error());
  }
}

}  // namespace detail

template <class T>
Task<Result<std::vector<T>>> all(std::vector<Task<Result<T>>> tasks) {
  detail::FailTogether together(co_await this_stop_token());
  std::vector<std::optional<T>> values(tasks.size());
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    together.scope().spawn(detail::collect(std::move(tasks[i]), values[i], together));
  }
  co_await together.scope().join();
  if (together.first()) co_return std::unexpected(*std::move(together.first()));
  std::vector<T> done;
  done.reserve(values.size());
  for (std::optional<T>& value : values) done.push_back(*std::move(value));
  co_return done;
}

}  // namespace acloud::async
