#include "usage/statement.h"

#include "usage/sums.h"

namespace acloud::usage {
namespace {

using store::Rows;

constexpr std::size_t kSumsOfLine = 6;

std::optional<std::chrono::year_month> month_of(std::string_view text) {
  const auto digits = [](std::string_view part) {
    return !part.empty() && std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
  };
  if (text.size() != 7 || text[4] != '-' || !digits(text.substr(0, 4)) || !digits(text.substr(5)))
    return std::nullopt;
  const std::chrono::year_month month{
      std::chrono::year(std::stoi(std::string(text.substr(0, 4)))),
      std::chrono::month(static_cast<unsigned>(std::stoi(std::string(text.substr(5)))))};
  if (!month.ok() || month.year() < std::chrono::year(1970)) return std::nullopt;
  return month;
}

Time first_of(std::chrono::year_month month) { return std::chrono::sys_days(month / 1); }

}  // namespace

bool is_month(std::string_view text) { return month_of(text).has_value(); }

Result<Statement> statement(store::Reader& reader, const StatementOf& request, Time now,
                            const std::string& currency) {
  const auto month = month_of(request.month);
  if (!month) return fail(ErrorCode::invalid_argument, "month: \"{}\" is not {}", request.month, kMonthRule);
  Statement made;
  made.workspace = *request.workspace;
  made.month = request.month;
  made.from = first_of(*month);
  made.to = first_of(*month + std::chrono::months(1));
  made.closed = now >= made.to + kStatementCloses;
  made.currency = currency;
  ACLOUD_TRY(
      const Rows rows,
      reader.query(
          fmt::format("SELECT model, provider, batch, priced, COUNT(*), CAST(SUM(estimated) AS BIGINT), {} "
                      "FROM usage_calls WHERE workspace = $1 AND started >= $2 AND started < $3 "
                      "GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
                      kSums),
          {made.workspace, store::to_value(made.from), store::to_value(made.to)}));
  for (const store::Row& row : rows) {
    const Sums sums = sums_at(row, kSumsOfLine);
    made.lines.push_back({.model = row.text(0),
                          .provider = row.text(1),
                          .batch = row.integer(2) != 0,
                          .priced = row.integer(3) != 0,
                          .uses = row.integer(4),
                          .estimated = row.integer(5),
                          .tokens = sums.tokens,
                          .media = sums.media,
                          .cost = sums.cost});
    made.uses += row.integer(4);
    made.tokens += sums.tokens;
    made.media += sums.media;
    made.cost += sums.cost;
  }
  return made;
}

}  // namespace acloud::usage
