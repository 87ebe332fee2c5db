// Sums of tokens and money over rows of the ledger's tables, in SQL and out of it.
#pragma once

#include "ledger/money.h"
#include "ledger/usage.h"
#include "store/sql.h"

namespace acloud::usage {

// Eleven columns. Money is added up in two columns, as it is stored, without a sum that a column can't hold.
inline constexpr std::string_view kSums =
    "CAST(SUM(input_uncached) AS BIGINT), CAST(SUM(cache_read) AS BIGINT), "
    "CAST(SUM(cache_write_5m) AS BIGINT), CAST(SUM(cache_write_1h) AS BIGINT), "
    "CAST(SUM(output) AS BIGINT), CAST(SUM(reasoning) AS BIGINT), CAST(SUM(cost_micro) AS BIGINT), "
    "CAST(SUM(cost_rest / 1000000) AS BIGINT), CAST(SUM(cost_rest % 1000000) AS BIGINT), "
    "CAST(SUM(video_ms) AS BIGINT), CAST(SUM(images) AS BIGINT)";
inline constexpr std::size_t kSumColumns = 11;

struct Sums {
  ledger::Tokens tokens;
  ledger::Money cost;
  ledger::Media media;
};
// From the columns of kSums, which begin with column `first`.
Sums sums_at(const store::Row& row, std::size_t first);

}  // namespace acloud::usage
