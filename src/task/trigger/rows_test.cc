// Triggers and their events, on both databases.
#include "task/trigger/rows.h"

#include <gtest/gtest.h>

#include "store/testing/databases.h"
#include "task/tables.h"
#include "task/trigger/trigger_service.h"

namespace acloud::task::trigger {
namespace {

std::vector<store::Migration> both_migrations() {
  auto all = task::migrations();
  for (store::Migration& each : migrations()) all.push_back(std::move(each));
  return all;
}

class TriggerRowsTest : public store::testing::OnEachDatabase {
 protected:
  template <class F>
  auto write(F work) {
    return run(database_.write_durably(std::move(work)));
  }
  template <class F>
  auto read(F work) {
    return run(database_.read(std::move(work)));
  }

  void add(const std::string& name, std::optional<ObjectSource> object = {}) {
    Stored made;
    made.id = "id-" + name;
    made.owner = {.workspace = "w", .principal = "root", .key = "key", .grants = {}};
    made.shown.name = name;
    made.shown.object = std::move(object);
    made.shown.task = {{"goal", "x"}};
    made.shown.created = clock_.now();
    ASSERT_TRUE(write([made](store::Transaction& tx) { return rows::add(tx, made); }));
  }
  Result<bool> event(const std::string& trigger, const std::string& source) {
    return write([=, now = clock_.now()](store::Transaction& tx) {
      return rows::add_event(tx, trigger, source, "{}", now);
    });
  }
  void put(const std::string& bucket, const std::string& key) {
    EXPECT_TRUE(write([=, now = clock_.now()](store::Transaction& tx) {
      return rows::object_was_put(tx, "w", {.bucket = bucket, .key = key, .etag = "e", .content_type = "t"},
                                  now);
    }));
  }
  std::vector<Event> waiting(const std::string& trigger) {
    return read([trigger](store::Reader& reader) { return rows::waiting(reader, trigger, 100); }).value();
  }
  Trigger shown(const std::string& name) {
    return read([name](store::Reader& reader) { return rows::find(reader, "w", name); }).value().shown;
  }

  ManualClock clock_;
  store::Database& database_ = open(both_migrations());
};

TEST_P(TriggerRowsTest, AnEventWaitsOnceAndItsNumberIsNeverUsedAgain) {
  add("hook");
  EXPECT_TRUE(event("id-hook", "delivery").value());
  EXPECT_FALSE(event("id-hook", "delivery").value()) << "sent again";
  EXPECT_TRUE(event("id-hook", "").value());
  EXPECT_FALSE(event("id-gone", "").value());
  auto events = waiting("id-hook");
  ASSERT_EQ(events.size(), 2);
  const std::string source = events[1].source;
  for (const Event& each : events) {
    EXPECT_TRUE(write([&each, now = clock_.now()](store::Transaction& tx) {
      return rows::advance(
          tx, "id-hook",
          {.at = now, .event = each.number, .task = "task_1", .outcome = "started", .next = now});
    }));
  }
  EXPECT_EQ(shown("hook").runs, 1) << "one task for both";
  EXPECT_EQ(shown("hook").last_outcome, "started");
  EXPECT_TRUE(event("id-hook", "").value());
  ASSERT_EQ(waiting("id-hook").size(), 1);
  EXPECT_NE(waiting("id-hook").front().source, source);
}

TEST_P(TriggerRowsTest, AnObjectIsAnEventOfThoseThatWaitForIt) {
  add("all", ObjectSource{"inbox", ""});
  add("reports", ObjectSource{"inbox", "reports/"});
  add("other", ObjectSource{"outbox", ""});
  put("inbox", "reports/1");
  put("inbox", "x");
  EXPECT_EQ(waiting("id-all").size(), 2);
  ASSERT_EQ(waiting("id-reports").size(), 1);
  EXPECT_EQ(parse_json(waiting("id-reports").front().json).value()["key"], "reports/1");
  EXPECT_TRUE(waiting("id-other").empty());
  EXPECT_TRUE(write([](store::Transaction& tx) -> Result<> {
    ACLOUD_TRY(const Stored found, rows::find(tx, "w", "all"));
    return rows::set_paused(tx, found, true);
  }));
  put("inbox", "y");
  EXPECT_EQ(waiting("id-all").size(), 2) << "it is paused";
  const auto ready =
      read([now = clock_.now()](store::Reader& reader) { return rows::ready(reader, now, 10); });
  ASSERT_EQ(ready->size(), 1);
  EXPECT_EQ(ready->front().shown.name, "reports");
}

TEST_P(TriggerRowsTest, TooManyEventsAreRefusedAndNoPutIs) {
  add("all", ObjectSource{"inbox", ""});
  EXPECT_TRUE(write([now = clock_.now()](store::Transaction& tx) -> Result<> {
    for (std::int64_t i = 0; i < rows::kWaitingMost; ++i)
      ACLOUD_CHECK(
          tx.execute("INSERT INTO trigger_events (trigger_id, number, source, event, came) "
                     "VALUES ('id-all', $1, $2, '{}', 0)",
                     {-1 - i, std::to_string(i)}));
    return {};
  }));
  EXPECT_EQ(event("id-all", "").error().code(), ErrorCode::rate_limited);
  put("inbox", "x");
  EXPECT_EQ(shown("all").missed, 1);
}

TEST_P(TriggerRowsTest, DeletedItTakesItsEventsWithIt) {
  add("hook");
  EXPECT_TRUE(event("id-hook", ""));
  EXPECT_TRUE(write([](store::Transaction& tx) { return rows::remove(tx, "w", "hook"); }));
  EXPECT_TRUE(waiting("id-hook").empty());
  EXPECT_EQ(write([](store::Transaction& tx) { return rows::remove(tx, "w", "hook"); }).error().code(),
            ErrorCode::not_found);
}

INSTANTIATE_TEST_SUITE_P(Databases, TriggerRowsTest, store::testing::each_database(),
                         store::testing::name_of);

TEST(ToldOf, AProgramFindsAFileAndAnAgentItsGoal) {
  const Json event = {{"type", "webhook"}, {"body", "x"}};
  const Json program = told_of({{"program", {{"command", "true"}}}}, event);
  EXPECT_EQ(program["program"]["files"][0],
            (Json{{"path", "event.json"}, {"content", acloud::to_text(event)}}));
  const Json agent = told_of({{"goal", "look"}}, event);
  const std::string goal = agent["goal"];
  EXPECT_TRUE(goal.starts_with("look\n\n"));
  EXPECT_TRUE(goal.ends_with(acloud::to_text(event)));
}

}  // namespace
}  // namespace acloud::task::trigger
