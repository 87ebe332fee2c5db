// What guardrails found, for the operator: a row for each finding of a call, and counters. The text itself is
// in neither.
#pragma once

#include <prometheus/metric_family.h>

#include <memory>
#include <vector>

#include "kernel/call.h"
#include "kernel/page.h"
#include "model/guard/guard.h"

namespace acloud::model::guard {

struct ListFindings {
  std::int64_t limit = kernel::kPageDefault;
  std::optional<std::string> cursor;
  static constexpr auto schema = fields(
      field("limit", &ListFindings::limit, "How many at most.", between(std::int64_t{1}, kernel::kPageMost)),
      field("cursor", &ListFindings::cursor, "next_cursor of the page before.", length(0, 1000)));
};

struct FindingInfo {
  Time time{};
  std::string request_id;
  std::string workspace;
  std::string principal;
  std::string key;
  std::string model;
  std::string guardrail;
  std::string detector;
  Side side = Side::request;
  Action action = Action::flag;
  static constexpr auto schema =
      fields(field("time", &FindingInfo::time, "When it was found."),
             field("request_id", &FindingInfo::request_id, "Of the call, as in its audit record."),
             field("workspace", &FindingInfo::workspace, "Whose call it was."),
             field("principal", &FindingInfo::principal, "Who called."),
             field("key", &FindingInfo::key, "The id of the key that was used."),
             field("model", &FindingInfo::model, "The model that was named."),
             field("guardrail", &FindingInfo::guardrail, "Whose rule it was."),
             field("detector", &FindingInfo::detector, "What it looks like; the text itself is not kept."),
             field("side", &FindingInfo::side, "Where it stood."),
             field("action", &FindingInfo::action, "What was done."));
};

struct FindingList {
  std::vector<FindingInfo> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema =
      fields(field("items", &FindingList::items, "The latest first; one for each rule and side of a call."),
             field("next_cursor", &FindingList::next_cursor, "For the next page."));
};

class FindingBook {
 public:
  static std::vector<store::Migration> migrations();

  // What was found so long ago is forgotten, a few rows with each that is new; 0: never.
  explicit FindingBook(std::chrono::seconds keep);
  ~FindingBook();
  // Counts them, and keeps them: they are on disk before the call's reply leaves. Nothing for no findings.
  Task<Result<>> keep(kernel::Context& context, std::string model, Findings findings);
  Task<Result<FindingList>> list(kernel::Context& context, ListFindings request);
  // acloud_guardrail_findings_total.
  std::vector<prometheus::MetricFamily> collect() const;

 private:
  const std::chrono::seconds keep_;
  struct Counters;
  std::unique_ptr<Counters> counters_;
};

}  // namespace acloud::model::guard
