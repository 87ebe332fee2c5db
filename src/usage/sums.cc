#include "usage/sums.h"

namespace acloud::usage {

Sums sums_at(const store::Row& row, std::size_t first) {
  using ledger::Money;
  const auto column = [&](std::size_t i) { return row.integer(first + i); };
  const Money rest = Money::from_columns(0, 1'000'000) * column(7) + Money::from_columns(0, 1) * column(8);
  return {.tokens = {.input_uncached = column(0),
                     .cache_read = column(1),
                     .cache_write_5m = column(2),
                     .cache_write_1h = column(3),
                     .output = column(4),
                     .reasoning = column(5)},
          .cost = Money::from_columns(column(6), 0) + rest,
          .media = {.video = std::chrono::milliseconds(column(9)), .images = column(10)}};
}

}  // namespace acloud::usage
