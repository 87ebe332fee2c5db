#pragma once

#include "store/database.h"  // IWYU pragma: keep

namespace acloud::store {

template <class F>
auto Database::write(F work)
    -> Task<Result<Written<typename std::invoke_result_t<F&, Transaction&>::value_type>>> {
  using OneCall = detail::Call<Transaction, Commit, F>;
  using Outcome = Written<typename OneCall::Value>;
  OneCall call(std::move(work));
  detail::WriteJob& job = call;
  ACLOUD_CO_TRY(Commit commit, co_await detail::JobAwaiter(*this, job));
  if constexpr (OneCall::kVoid) {
    co_return Outcome{std::move(commit)};
  } else {
    co_return Outcome{call.value(), std::move(commit)};
  }
}

template <class F>
auto Database::write_durably(F work) -> Task<std::invoke_result_t<F&, Transaction&>> {
  detail::Call<Transaction, Commit, F> call(std::move(work));
  detail::WriteJob& job = call;
  job.when_durable = true;
  ACLOUD_CO_CHECK(co_await detail::JobAwaiter(*this, job));
  if constexpr (call.kVoid) {
    co_return Result<>{};
  } else {
    co_return call.value();
  }
}

template <class F>
auto Database::read(F work) -> Task<std::invoke_result_t<F&, Reader&>> {
  detail::Call<Reader, std::monostate, F> call(std::move(work));
  detail::ReadJob& job = call;
  ACLOUD_CO_CHECK(co_await detail::JobAwaiter(*this, job));
  if constexpr (call.kVoid) {
    co_return Result<>{};
  } else {
    co_return call.value();
  }
}

template <class F>
auto Database::read_here(F work) -> Task<std::invoke_result_t<F&, Reader&>> {
  detail::Call<Reader, std::monostate, F> call(std::move(work));
  detail::ReadJob& job = call;
  if (run_here(job)) {
    ACLOUD_CO_CHECK(job.take());
  } else {
    ACLOUD_CO_CHECK(co_await detail::JobAwaiter(*this, job));
  }
  if constexpr (call.kVoid) {
    co_return Result<>{};
  } else {
    co_return call.value();
  }
}

}  // namespace acloud::store
