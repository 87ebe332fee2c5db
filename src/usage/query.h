// What was used in a time, added up by what the caller wants to see apart.
//
// It is read from the ledger's sums by the hour: a time begins and ends with a whole one.
#pragma once

#include <map>

#include "kernel/page.h"
#include "ledger/money.h"
#include "ledger/usage.h"
#include "store/database.h"

namespace acloud::usage {

enum class GroupBy { model, key, principal, workspace, task, product, operation, hour, day };
constexpr auto enum_names(GroupBy) {
  using enum GroupBy;
  return std::array<std::pair<GroupBy, std::string_view>, 9>{{{model, "model"},
                                                              {key, "key"},
                                                              {principal, "principal"},
                                                              {workspace, "workspace"},
                                                              {task, "task"},
                                                              {product, "product"},
                                                              {operation, "operation"},
                                                              {hour, "hour"},
                                                              {day, "day"}}};
}

inline constexpr std::string_view kAllWorkspaces = "*";

struct QueryUsage {
  std::optional<Time> from;
  std::optional<Time> to;
  std::vector<GroupBy> group_by{GroupBy::model};
  std::optional<std::string> workspace, model, key, principal, task;
  std::int64_t limit = kernel::kPageDefault;
  std::optional<std::string> cursor;
  static constexpr auto schema = fields(
      field("from", &QueryUsage::from, "The first hour; absent: 30 days before `to`.",
            example(R"("2026-11-01T00:00:00Z")")),
      field("to", &QueryUsage::to, "The end, not included; absent: now."),
      field("group_by", &QueryUsage::group_by, "What is told apart; days are UTC's.", length(1, 9),
            example(R"(["model","day"])")),
      field("workspace", &QueryUsage::workspace,
            "For who answers for the cloud: of another workspace, or \"*\" for all of them.", length(1, 64)),
      field("model", &QueryUsage::model, "Only of this model.", length(1, 256)),
      field("key", &QueryUsage::key, "Only with the key of this id.", length(1, 64)),
      field("principal", &QueryUsage::principal, "Only by this principal.", length(1, 256)),
      field("task", &QueryUsage::task, "Only by this task.", length(1, 64)),
      field("limit", &QueryUsage::limit, "Items on a page.", between(1, kernel::kPageMost)),
      field("cursor", &QueryUsage::cursor, "next_cursor of the page before."));
};

struct UsageItem {
  std::map<std::string, std::string> group;
  std::int64_t calls = 0;
  std::int64_t failed = 0;
  std::int64_t estimated = 0;
  ledger::Tokens tokens;
  ledger::Media media;
  ledger::Money cost;
  std::string currency;
  static constexpr auto schema = fields(
      field("group", &UsageItem::group,
            "Each of group_by with its value; empty text where there is none, as a call that used no model "
            "has."),
      field("calls", &UsageItem::calls, "Calls; those that only read are counted a second or two later."),
      field("failed", &UsageItem::failed, "How many of them failed."),
      field("estimated", &UsageItem::estimated,
            "Uses that were counted here, the provider giving no figures."),
      field("tokens", &UsageItem::tokens, "What was used."),
      field("media", &UsageItem::media, "What was made that is not counted in tokens."),
      field("cost", &UsageItem::cost, "What it cost."),
      field("currency", &UsageItem::currency, "Of the operator's prices."));
};

struct UsagePage {
  std::vector<UsageItem> items;
  Time from{};
  Time to{};
  std::optional<std::string> next_cursor;
  static constexpr auto schema = fields(
      field("items", &UsagePage::items, "In the order of their groups."),
      field("from", &UsagePage::from, "The first hour that is counted."),
      field("to", &UsagePage::to, "Where the last one ends."),
      field("next_cursor", &UsagePage::next_cursor, "Where the next page begins; absent on the last."));
};

// Sums that one query may have to look at.
inline constexpr std::int64_t kSumsMost = 50'000;

// REQUIRES: from and to are set; `workspace` is one, or kAllWorkspaces.
// Errors: invalid_argument (the cursor); too_large: more sums than kSumsMost.
Result<UsagePage> query(store::Reader& reader, const QueryUsage& request, const std::string& currency);

}  // namespace acloud::usage
