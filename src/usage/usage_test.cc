// Queries, statements and exports of the ledger's own tables, against figures that were worked out by hand.
#include <gtest/gtest.h>

#include "ledger/usage_tables.h"
#include "store/testing/databases.h"
#include "usage/query.h"
#include "usage/statement.h"
#include "usage/uses.h"

namespace acloud::usage {
namespace {

using ledger::Money;

Time at(std::string_view text) { return *parse_rfc3339(text); }
Money money(std::string_view text) { return *Money::parse(text); }

class UsageTest : public store::testing::OnEachDatabase {
 protected:
  UsageTest() : database_(open(ledger::UsageTables::migrations())) {
    // What it used, what that cost: 3 for a million tokens of input, 0.3 from the cache, 15 of output.
    use("2026-10-31T23:59:59.999999Z", "w", "key_a", "root", "gpt", {.input_uncached = 1000, .output = 10},
        "0.00315");
    use("2026-11-01T00:00:00Z", "w", "key_a", "root", "gpt",
        {.input_uncached = 17, .cache_read = 8, .output = 9},
        "0.0001884");  // 17 * 3e-6 + 8 * 0.3e-6 + 9 * 15e-6
    use("2026-11-01T00:30:00Z", "w", "key_b", "task_1", "gpt", {.input_uncached = 100, .reasoning = 20},
        "0.0006");
    use("2026-11-02T05:00:00Z", "w", "key_b", "task_1", "claude",
        {.cache_write_5m = 4, .cache_write_1h = 6, .output = 1}, "0.000000000000000001", "unavailable");
    batch_ = true;
    use("2026-11-30T23:59:59.999999Z", "w", "key_a", "root", "gpt", {.input_uncached = 1000, .output = 100},
        "0.00225");
    use("2026-12-01T00:00:00Z", "w", "key_a", "root", "gpt", {.input_uncached = 1, .output = 1}, "0.000009");
    use("2026-11-15T00:00:00Z", "other", "key_c", "root", "gpt", {.output = 7}, "0.000105");
    call("2026-11-01T00:10:00Z", "w", "key_a", "root", "object.put");
  }

  void use(std::string_view when, std::string_view workspace, std::string_view key,
           std::string_view principal, std::string model, ledger::Tokens tokens, std::string_view cost,
           std::string_view outcome = "ok") {
    const std::string id = fmt::format("req_{}", ++number_);
    const ledger::Charge charge{.at = at(when),
                                .model = std::move(model),
                                .provider = "p,\"q\"",
                                .tokens = tokens,
                                .cost = money(cost),
                                .priced = true,
                                .batch = batch_};
    keep({.request_id = id,
          .started = at(when),
          .workspace = workspace,
          .key = key,
          .principal = principal,
          .operation = "model.chat",
          .outcome = outcome,
          .charges = {&charge, 1}});
  }
  void call(std::string_view when, std::string_view workspace, std::string_view key,
            std::string_view principal, std::string_view operation) {
    keep({.request_id = "req_call",
          .started = at(when),
          .workspace = workspace,
          .key = key,
          .principal = principal,
          .operation = operation,
          .outcome = "ok",
          .charges = {}});
  }
  void keep(ledger::Entry entry) {
    const ledger::UsageTables tables(fmt::format("instance-{}", ++number_ % 2));
    ASSERT_TRUE(run(
        database_.write_durably([&](store::Transaction& tx) { return tables.keep_in(tx, {&entry, 1}); })));
  }

  QueryUsage november(std::vector<GroupBy> group_by) {
    QueryUsage request;
    request.from = at("2026-11-01T00:00:00Z");
    request.to = at("2026-12-01T00:00:00Z");
    request.workspace = "w";
    request.group_by = std::move(group_by);
    return request;
  }
  UsagePage ask(const QueryUsage& request) {
    return *run(database_.read([&](store::Reader& reader) { return query(reader, request, "EUR"); }));
  }
  // "group: calls/failed cost", line by line.
  std::string told(const QueryUsage& request) {
    std::string text;
    for (const UsageItem& item : ask(request).items) {
      for (const auto& [name, value] : item.group) text += fmt::format("{}={} ", name, value);
      text += fmt::format("{}/{} {}\n", item.calls, item.failed, item.cost.text());
    }
    return text;
  }
  Statement bill(std::string month, std::string workspace, std::string_view now = "2027-01-01T00:00:00Z") {
    return *run(database_.read([&](store::Reader& reader) {
      return statement(reader, {.month = month, .workspace = workspace}, at(now), "EUR");
    }));
  }
  std::string exported(Format format, std::string_view from, std::string_view to) {
    net::Body body(std::make_unique<UseStream>(
        database_,
        UseStream::What{
            .workspace = "w", .from = at(from), .to = at(to), .format = format, .currency = "EUR"}));
    return *run(body.read_all(64 << 20));
  }

  int number_ = 0;
  bool batch_ = false;
  store::Database& database_;
};

TEST_P(UsageTest, IsAddedUpByWhatIsAskedFor) {
  // 0.0001884 + 0.0006 + 0.00225
  EXPECT_EQ(told(november({GroupBy::model})),
            "model= 1/0 0\nmodel=claude 1/1 0.000000000000000001\nmodel=gpt 3/0 0.0030384\n");
  EXPECT_EQ(told(november({GroupBy::day})),
            "day=2026-11-01T00:00:00Z 3/0 0.0007884\nday=2026-11-02T00:00:00Z 1/1 0.000000000000000001\n"
            "day=2026-11-30T00:00:00Z 1/0 0.00225\n");
  EXPECT_EQ(told(november({GroupBy::key})), "key=key_a 3/0 0.0024384\nkey=key_b 2/1 0.000600000000000001\n");
  EXPECT_EQ(told(november({GroupBy::task})), "task= 3/0 0.0024384\ntask=task_1 2/1 0.000600000000000001\n");
  EXPECT_EQ(told(november({GroupBy::product})),
            "product=model 4/1 0.003038400000000001\nproduct=object 1/0 0\n");
  EXPECT_EQ(told(november({GroupBy::principal, GroupBy::task, GroupBy::operation})),
            "operation=model.chat principal=root task= 2/0 0.0024384\n"
            "operation=object.put principal=root task= 1/0 0\n"
            "operation=model.chat principal=task_1 task=task_1 2/1 0.000600000000000001\n");
}

TEST_P(UsageTest, HasEachTokenInItsBucket) {
  QueryUsage request = november({GroupBy::workspace});
  const UsagePage page = ask(request);
  ASSERT_EQ(page.items.size(), 1);
  EXPECT_EQ(page.items[0].tokens, (ledger::Tokens{.input_uncached = 1117,
                                                  .cache_read = 8,
                                                  .cache_write_5m = 4,
                                                  .cache_write_1h = 6,
                                                  .output = 110,
                                                  .reasoning = 20}));
  EXPECT_EQ(page.items[0].currency, "EUR");
}

TEST_P(UsageTest, OnlyWhatIsNamedIsCounted) {
  QueryUsage request = november({GroupBy::model});
  request.model = "gpt";
  request.key = "key_a";
  EXPECT_EQ(told(request), "model=gpt 2/0 0.0024384\n");
  request = november({GroupBy::model});
  request.task = "task_1";
  request.from = at("2026-11-02T00:00:00Z");
  EXPECT_EQ(told(request), "model=claude 1/1 0.000000000000000001\n");
  request = november({GroupBy::workspace});
  request.workspace = std::string(kAllWorkspaces);
  request.model = "gpt";
  EXPECT_EQ(told(request), "workspace=other 1/0 0.000105\nworkspace=w 3/0 0.0030384\n");
}

TEST_P(UsageTest, PagesFollowEachOther) {
  QueryUsage request = november({GroupBy::model, GroupBy::hour});
  const std::string whole = told(request);
  request.limit = 1;
  std::string paged;
  for (int pages = 1;; ++pages) {
    paged += told(request);
    request.cursor = ask(request).next_cursor;
    if (!request.cursor) {
      EXPECT_EQ(pages, 4);
      break;
    }
  }
  EXPECT_EQ(paged, whole);
  request.cursor = kernel::to_cursor("[\"one\"]");
  EXPECT_EQ(
      run(database_.read([&](store::Reader& reader) { return query(reader, request, ""); })).error().code(),
      ErrorCode::invalid_argument);
}

TEST_P(UsageTest, AStatementIsTheMonthsUsesAndNoOthers) {
  const Statement made = bill("2026-11", "w");
  ASSERT_EQ(made.lines.size(), 3);
  EXPECT_EQ(made.lines[0].model, "claude");
  EXPECT_EQ(made.lines[1].model, "gpt");
  EXPECT_FALSE(made.lines[1].batch);
  EXPECT_EQ(made.lines[1].uses, 2);
  EXPECT_EQ(made.lines[1].cost, money("0.0007884"));
  EXPECT_TRUE(made.lines[2].batch);
  EXPECT_EQ(made.lines[2].cost, money("0.00225"));
  EXPECT_EQ(made.uses, 4);
  EXPECT_EQ(made.cost, money("0.003038400000000001"));
  EXPECT_EQ(made.tokens.total(), 1117 + 8 + 4 + 6 + 110 + 20);
  EXPECT_EQ(bill("2026-10", "w").cost, money("0.00315"));
  EXPECT_EQ(bill("2026-12", "w").cost, money("0.000009"));
  EXPECT_EQ(bill("2026-11", "other").cost, money("0.000105"));
  EXPECT_TRUE(bill("2025-11", "w").lines.empty());
}

TEST_P(UsageTest, AMonthIsClosedADayAfterItsEnd) {
  EXPECT_FALSE(bill("2026-11", "w", "2026-12-01T23:59:59Z").closed);
  EXPECT_TRUE(bill("2026-11", "w", "2026-12-02T00:00:00Z").closed);
  for (const std::string_view wrong :
       {"2026-13", "2026-00", "2026-1", "26-11", "2026/11", "1969-12", "2026-11-01", ""})
    EXPECT_FALSE(is_month(wrong)) << wrong;
}

TEST_P(UsageTest, CsvHasALineForEachUse) {
  EXPECT_EQ(
      exported(Format::csv, "2026-11-01T00:00:00Z", "2026-11-01T00:30:00Z"),
      csv_head() +
          "2026-11-01T00:00:00Z,req_3,0,w,key_a,root,,model.chat,ok,gpt,\"p,\"\"q\"\"\",false,false,true,"
          "17,8,0,0,9,0,0.0001884,EUR,0,0,\r\n");
  EXPECT_EQ(exported(Format::csv, "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"), csv_head());
}

TEST_P(UsageTest, EventsAreWholeAndAlwaysTheSame) {
  const std::string text = exported(Format::cloudevents, "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z");
  const auto events = parse_json(text);
  ASSERT_TRUE(events) << text;
  ASSERT_EQ(events->size(), 4);
  const Json& last = events->back();
  EXPECT_EQ(last["specversion"], "1.0");
  EXPECT_EQ(last["type"], "acloud.model.usage");
  EXPECT_EQ(last["source"], "/workspaces/w");
  EXPECT_EQ(last["time"], "2026-11-30T23:59:59.999999Z");
  EXPECT_EQ(last["data"]["cost"], "0.00225");
  EXPECT_EQ(last["data"]["batch"], true);
  std::set<Json> ids;
  for (const Json& event : *events) ids.insert(event["id"]);
  EXPECT_EQ(ids.size(), 4);
  EXPECT_EQ(exported(Format::cloudevents, "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"), text);
  EXPECT_EQ(exported(Format::cloudevents, "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"), "[\n]\n");
}

TEST_P(UsageTest, AnExportOfManyPagesHasEachUseOnce) {
  for (int i = 0; i < 1'001; ++i)  // many at the same moment
    use("2026-09-01T00:00:00Z", "w", "key_a", "root", "gpt", {.output = 1}, "0.000015");
  const auto events =
      parse_json(exported(Format::cloudevents, "2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z"));
  ASSERT_TRUE(events);
  std::set<Json> ids;
  for (const Json& event : *events) ids.insert(event["id"]);
  EXPECT_EQ(events->size(), 1'001);
  EXPECT_EQ(ids.size(), 1'001);
}

INSTANTIATE_TEST_SUITE_P(Databases, UsageTest, store::testing::each_database(), store::testing::name_of);

}  // namespace
}  // namespace acloud::usage
