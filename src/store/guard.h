// What a closure gets in its hands: a Connection of which it can use the SQL alone, which checks the
// parameters and stays failed after the first error, so that a closure behaves the same on both databases.
#pragma once

#include <optional>

#include "store/connection.h"

namespace acloud::store {

class Guard final : public Transaction {
 public:
  explicit Guard(Connection& connection) : connection_(connection) {}

  Result<Rows> query(std::string_view sql, const Params& params) override {
    return guarded(params, [&] { return connection_.query(sql, params); });
  }
  Result<std::int64_t> execute(std::string_view sql, const Params& params) override {
    return guarded(params, [&] { return connection_.execute(sql, params); });
  }

  // What the closure came to: its own error, else the one that a call of it met.
  Result<> outcome(Result<> returned) const {
    if (returned && error_) return std::unexpected(*error_);
    return returned;
  }

 private:
  template <class F>
  std::invoke_result_t<F> guarded(const Params& params, F call) {
    if (error_) return std::unexpected(*error_);
    if (auto checked = check_params(params); !checked) error_ = checked.error();
    if (error_) return std::unexpected(*error_);
    auto result = call();
    if (!result) error_ = result.error();
    return result;
  }

  Connection& connection_;
  std::optional<Error> error_;
};

}  // namespace acloud::store
