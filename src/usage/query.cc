#include "usage/query.h"

#include "usage/sums.h"

namespace acloud::usage {
namespace {

using store::Rows;

constexpr std::size_t kSumsAfter = 3;  // after calls, failed, estimated

// The column from which the value of a group is made. A product's comes from its operations, a task's from
// its principal, so that both databases need no functions on text.
std::string_view column_of(GroupBy group) {
  switch (group) {
    case GroupBy::model:
      return "model";
    case GroupBy::key:
      return "key_id";
    case GroupBy::workspace:
      return "workspace";
    case GroupBy::principal:
    case GroupBy::task:
      return "principal";
    case GroupBy::product:
    case GroupBy::operation:
      return "operation";
    case GroupBy::day:
      return "hour - hour % 86400000000";
    default:
      return "hour";
  }
}

std::string value_of(GroupBy group, const store::Row& row, std::size_t i) {
  if (group == GroupBy::hour || group == GroupBy::day) return to_rfc3339(row.time(i));
  const std::string& text = row.text(i);
  if (group == GroupBy::task) return text.starts_with("task_") ? text : "";
  if (group == GroupBy::product) return text.substr(0, text.find('.'));
  return text;
}

struct Query {
  std::string sql;
  store::Params params;
  std::vector<std::size_t> columns;  // of each group
};

Query build(const QueryUsage& request) {
  Query query;
  std::vector<std::string_view> columns;
  for (const GroupBy group : request.group_by) {
    const auto found = std::ranges::find(columns, column_of(group));
    query.columns.push_back(static_cast<std::size_t>(found - columns.begin()));
    if (found == columns.end()) columns.push_back(column_of(group));
  }
  std::string places;
  for (std::size_t i = 1; i <= columns.size(); ++i) places += fmt::format("{}{}", i == 1 ? "" : ", ", i);
  query.params = {store::to_value(*request.from), store::to_value(*request.to), kSumsMost + 1};
  std::string conditions = "hour >= $1 AND hour < $2";
  const auto only = [&](std::string_view column, const std::optional<std::string>& value) {
    if (!value) return;
    query.params.emplace_back(*value);
    conditions += fmt::format(" AND {} = ${}", column, query.params.size());
  };
  if (request.workspace != kAllWorkspaces) only("workspace", request.workspace);
  only("model", request.model);
  only("key_id", request.key);
  only("principal", request.principal);
  only("principal", request.task);
  query.sql = fmt::format(
      "SELECT {}, CAST(SUM(calls) AS BIGINT), CAST(SUM(CASE WHEN outcome = 'ok' THEN 0 ELSE calls END) AS "
      "BIGINT), "
      "CAST(SUM(estimated) AS BIGINT), {} FROM usage_totals WHERE {} GROUP BY {} ORDER BY {} LIMIT $3",
      fmt::join(columns, ", "), kSums, conditions, places, places);
  return query;
}

using Values = std::vector<std::string>;

Result<Values> values_of_cursor(const QueryUsage& request) {
  ACLOUD_TRY(const std::string text, kernel::from_cursor(request.cursor));
  if (text.empty()) return Values();
  const auto json = parse_json(text);
  auto values = json ? decode<Values>(*json) : std::unexpected(json.error());
  if (!values || values->size() != request.group_by.size()) {
    return fail(ErrorCode::invalid_argument,
                "cursor: use the next_cursor of the page before, with the same group_by");
  }
  return values;
}

}  // namespace

Result<UsagePage> query(store::Reader& reader, const QueryUsage& request, const std::string& currency) {
  ACLOUD_TRY(const Values after, values_of_cursor(request));
  const Query query = build(request);
  ACLOUD_TRY(const Rows rows, reader.query(query.sql, query.params));
  if (std::ssize(rows) > kSumsMost) {
    return fail(ErrorCode::too_large,
                "more than {} sums are to be looked at; ask for a shorter time, or group by less", kSumsMost);
  }
  std::map<Values, UsageItem> items;
  const std::size_t sums = rows.empty() ? 0 : rows.front().values.size() - kSumColumns - kSumsAfter;
  for (const store::Row& row : rows) {
    Values values;
    for (std::size_t i = 0; i < query.columns.size(); ++i)
      values.push_back(value_of(request.group_by[i], row, query.columns[i]));
    if (request.cursor && values <= after) continue;
    UsageItem& item = items[std::move(values)];
    item.calls += row.integer(sums);
    item.failed += row.integer(sums + 1);
    item.estimated += row.integer(sums + 2);
    const Sums more = sums_at(row, sums + kSumsAfter);
    item.tokens += more.tokens;
    item.cost += more.cost;
    item.media += more.media;
  }
  UsagePage page{.items = {}, .from = *request.from, .to = *request.to, .next_cursor = {}};
  const Values* last = nullptr;
  for (auto& [values, item] : items) {
    if (std::ssize(page.items) == request.limit) {
      page.next_cursor = kernel::to_cursor(encode(*last));
      break;
    }
    for (std::size_t i = 0; i < values.size(); ++i)
      item.group[std::string(schema::Codec<GroupBy>::name(request.group_by[i]))] = values[i];
    item.currency = currency;
    page.items.push_back(std::move(item));
    last = &values;
  }
  return page;
}

}  // namespace acloud::usage
