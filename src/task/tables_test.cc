// Claims, leases and journals, on both databases.
#include <gtest/gtest.h>

#include "kernel/instances.h"
#include "store/testing/databases.h"
#include "task/family.h"
#include "task/store_journal.h"

namespace acloud::task {
namespace {

using std::chrono::seconds;

std::vector<store::Migration> all_migrations() {
  std::vector<store::Migration> all = kernel::Instances::migrations();
  for (auto& each : migrations()) all.push_back(std::move(each));
  return all;
}

class TablesTest : public store::testing::OnEachDatabase {
 protected:
  void add(const std::string& id, const std::string& workspace = "w", std::int64_t priority = 5,
           bool bound = false) {
    NewTask made{.id = id,
                 .owner = {.workspace = workspace, .principal = "root", .key = "key_1", .grants = {}},
                 .spec_json = "{}",
                 .tools_json = "[]",
                 .goal = "do it",
                 .secret = "s",
                 .priority = priority,
                 .bound = bound,
                 .created = clock_.now(),
                 .deadline = clock_.now() + seconds(3600)};
    ASSERT_TRUE(run(database_.write_durably(
        [made](store::Transaction& tx) { return tables::add(tx, made, made.owner); })));
    clock_.advance(std::chrono::milliseconds(1));
  }

  std::vector<Claimed> claim(const Holder& holder, std::size_t most = 10,
                             std::map<std::string, std::size_t> running = {}) {
    return run(database_.write_durably([holder, most, running, now = clock_.now()](store::Transaction& tx) {
             return tables::claim(tx, holder, now, most, running);
           }))
        .value();
  }

  static std::vector<std::string> ids(const std::vector<Claimed>& claimed) {
    std::vector<std::string> all;
    for (const Claimed& each : claimed) all.push_back(each.id);
    return all;
  }

  StoreJournal journal(const Holder& holder, const Claimed& task) {
    return {database_, clock_, holder, task, [] {}};
  }

  static Entry entry(std::int64_t number, std::string reply) {
    return {.step = {.number = number, .kind = StepKind::call, .name = "object.put", .input = "{}"},
            .outcome = Outcome{true, std::move(reply)},
            .began = {}};
  }

  State state(const std::string& id) {
    return run(database_.read([id](store::Reader& reader) { return tables::find(reader, "w", id); }))
        .value()
        .state;
  }

  ManualClock clock_;
  store::Database& database_ = open(all_migrations());
  Holder one_{.instance = "one", .place = "here"};
  Holder two_{.instance = "two", .place = "there"};
};

TEST_P(TablesTest, ATaskIsOneServersUntilItsLeaseIsOver) {
  add("task_a");
  const auto first = claim(one_);
  ASSERT_EQ(ids(first), std::vector<std::string>{"task_a"});
  EXPECT_TRUE(claim(two_).empty());
  auto old = journal(one_, first.front());
  EXPECT_TRUE(run(old.keep(entry(0, "0"))));
  clock_.advance(seconds(16));
  const auto second = claim(two_);
  ASSERT_EQ(ids(second), std::vector<std::string>{"task_a"});
  // The one that was thought dead writes nothing beside the other.
  EXPECT_EQ(run(old.keep(entry(1, "1"))).error().code(), ErrorCode::conflict);
  EXPECT_EQ(run(old.end({})).error().code(), ErrorCode::conflict);
  EXPECT_EQ(run(old.park(clock_.now(), {})).error().code(), ErrorCode::conflict);
  const auto entries = run(journal(two_, second.front()).read()).value();
  ASSERT_EQ(entries.size(), 1);
  EXPECT_EQ(entries.front().outcome->json, "0");
}

TEST_P(TablesTest, ATaskOfANewerEngineIsLeftToIt) {
  add("task_a");
  const auto set_version = [&](std::int64_t version) {
    ASSERT_TRUE(run(database_.write_durably([version](store::Transaction& tx) {
      return tx.execute("UPDATE tasks SET version = $1 WHERE id = 'task_a'", {version});
    })));
  };
  const auto due = [&] {
    return *run(
        database_.read([&](store::Reader& reader) { return tables::next_due(reader, one_, clock_.now()); }));
  };
  set_version(Script::kVersion + 1);
  EXPECT_TRUE(claim(one_).empty());
  EXPECT_FALSE(due());
  EXPECT_EQ(state("task_a"), State::queued);
  // One of an older engine is this one's from now on: the older would not read what this one writes.
  set_version(Script::kVersion - 1);
  EXPECT_TRUE(due());
  ASSERT_EQ(claim(one_).size(), 1);
  const auto rows = run(database_.query("SELECT version FROM tasks", {})).value();
  EXPECT_EQ(rows.front().integer(0), Script::kVersion);
}

TEST_P(TablesTest, ATaskWithSandboxesStaysWhereTheyAreAsLongAsThatMayComeBack) {
  kernel::Instances life(database_, clock_, {.id = "one", .place = "here"});
  ASSERT_TRUE(run(life.start()));
  add("task_a", "w", 5, true);
  ASSERT_EQ(claim(one_).size(), 1);
  clock_.advance(std::chrono::minutes(2));
  EXPECT_TRUE(claim(two_).empty()) << "the sandbox is not there";
  const auto due = [&](const Holder& holder) {
    return *run(database_.read(
        [&, holder](store::Reader& reader) { return tables::next_due(reader, holder, clock_.now()); }));
  };
  EXPECT_TRUE(due(one_));
  EXPECT_FALSE(due(two_));
  // A later run on the same data folder finds it.
  const Holder again{.instance = "one again", .place = "here"};
  const auto back = claim(again);
  ASSERT_EQ(back.size(), 1);
  EXPECT_EQ(back.front().interrupt, "");
  clock_.advance(kernel::Instances::kComesBack);
  EXPECT_TRUE(due(two_));
  const auto moved = claim(two_);
  ASSERT_EQ(moved.size(), 1);
  EXPECT_EQ(moved.front().interrupt, kMoved);
  // So what it had made here is nobody's any more.
  const auto stale = [&](const Holder& holder) {
    return run(database_.read([&, holder](store::Reader& reader) {
             return tables::abandoned(reader, holder,
                                      {{"w", "task_a"}, {"other", "task_a"}, {"w", "task_b"}});
           }))
        .value();
  };
  EXPECT_EQ(stale(again), (std::set<tables::TaskOf>{{"w", "task_a"}}));
  EXPECT_TRUE(stale(two_).empty());
}

TEST_P(TablesTest, AStartTakesOverWhatDeadRunsHeld) {
  kernel::Instances life(database_, clock_, {.id = "two", .place = "there"});
  ASSERT_TRUE(run(life.start()));
  add("task_a");
  ASSERT_EQ(claim(one_).size(), 1);
  add("task_b");
  ASSERT_EQ(claim(two_).size(), 1);
  const Holder next{.instance = "next", .place = "here"};
  ASSERT_TRUE(run(database_.write_durably(
      [&](store::Transaction& tx) { return tables::take_over(tx, next, false, clock_.now()); })));
  EXPECT_EQ(ids(claim(next)), std::vector<std::string>{"task_a"});
  ASSERT_TRUE(run(database_.write_durably(
      [&](store::Transaction& tx) { return tables::take_over(tx, next, true, clock_.now()); })));
  EXPECT_EQ(ids(claim(next)), std::vector<std::string>{"task_b"});
}

TEST_P(TablesTest, EveryEntryAndEveryBeatKeepsTheLease) {
  add("task_a");
  const auto claimed = claim(one_);
  clock_.advance(seconds(10));
  EXPECT_TRUE(run(journal(one_, claimed.front()).keep(entry(0, "0"))));
  clock_.advance(seconds(10));
  EXPECT_TRUE(claim(two_).empty());
  const auto told = run(database_.write_durably([this](store::Transaction& tx) {
    return tables::beat(tx, one_, clock_.now(), {"task_a", "task_gone"});
  }));
  EXPECT_EQ(told.value(), (std::map<std::string, std::string>{{"task_gone", "lost"}}));
  clock_.advance(seconds(10));
  EXPECT_TRUE(claim(two_).empty());
}

TEST_P(TablesTest, WorkspacesTakeTurnsAndPrioritiesGoFirstUntilOneHasWaitedLong) {
  add("task_1", "busy");
  add("task_2", "busy");
  add("task_3", "quiet");
  add("task_4", "busy", 9);
  EXPECT_EQ(ids(claim(one_, 3, {{"busy", 0}})), (std::vector<std::string>{"task_4", "task_3", "task_1"}));
  add("task_5", "busy", 9);
  clock_.advance(std::chrono::minutes(3));
  EXPECT_EQ(ids(claim(two_, 1, {{"busy", 50}, {"quiet", 60}})).front(), "task_2");
}

TEST_P(TablesTest, AParkedTaskComesBackForItsSignalAlone) {
  add("task_a");
  auto claimed = claim(one_);
  auto journal_of = journal(one_, claimed.front());
  EXPECT_TRUE(run(journal_of.park(clock_.now() + seconds(1000), {"go"})));
  EXPECT_EQ(state("task_a"), State::waiting);
  EXPECT_TRUE(claim(one_).empty());
  EXPECT_TRUE(run(database_.write_durably([this](store::Transaction& tx) {
    return tables::add_signal(tx, "w", {.id = "task_a", .name = "go", .value = 7}, clock_.now());
  })));
  claimed = claim(two_);
  ASSERT_EQ(claimed.size(), 1);
  auto next = journal(two_, claimed.front());
  Entry wait{.step = {.number = 3, .kind = StepKind::signal, .name = "go", .input = "{}"},
             .outcome = {},
             .began = {}};
  EXPECT_EQ(run(next.take_signal(wait)).value()->json, R"({"value":7})");
  EXPECT_FALSE(run(next.take_signal(wait)).value()) << "a signal was taken twice";
  EXPECT_EQ(run(next.read()).value().back().outcome->json, R"({"value":7})");
}

TEST_P(TablesTest, WhatComesWhileATaskIsBeingParkedIsNotSleptThrough) {
  add("task_a");
  const auto claimed = claim(one_);
  EXPECT_TRUE(run(database_.write_durably([this](store::Transaction& tx) {
    return tables::add_signal(tx, "w", {.id = "task_a", .name = "go", .value = {}}, clock_.now());
  })));
  EXPECT_TRUE(run(journal(one_, claimed.front()).park(clock_.now() + seconds(1000), {"go"})));
  EXPECT_EQ(claim(one_).size(), 1);
}

TEST_P(TablesTest, ARetryIsAnAttemptOfItsOwn) {
  add("task_a");
  const auto claimed = claim(one_);
  auto first = journal(one_, claimed.front());
  EXPECT_TRUE(run(first.keep(entry(0, "0"))));
  const auto again = [this](store::Transaction& tx) {
    return tables::retry(tx, "w", "task_a", clock_.now());
  };
  EXPECT_EQ(run(database_.write_durably(again)).error().code(), ErrorCode::conflict);
  EXPECT_TRUE(run(first.end({.state = State::failed, .result = {}, .error = TaskFailure{"limit", "so"}})));
  EXPECT_TRUE(claim(two_).empty());
  EXPECT_TRUE(run(database_.write_durably(again)));
  const auto second = claim(two_);
  ASSERT_EQ(second.size(), 1);
  EXPECT_EQ(second.front().attempt, 2);
  EXPECT_TRUE(run(journal(two_, second.front()).read()).value().empty());
}

TEST_P(TablesTest, AChildsEndWakesItsParentAndAParentsEndStopsItsChildren) {
  add("task_p");
  auto parent = claim(one_);
  const auto adopt = [this](const std::string& id, const std::string& below) {
    return run(database_.write_durably([=, now = clock_.now()](store::Transaction& tx) -> Result<Time> {
      NewTask made{.id = id,
                   .owner = {"w", below, "key", {}},
                   .spec_json = "{}",
                   .tools_json = "[]",
                   .goal = "",
                   .secret = "s",
                   .created = now,
                   .deadline = now + std::chrono::hours(48)};
      ACLOUD_CHECK(family::adopt(tx, made, below));
      ACLOUD_CHECK(tables::add(tx, made, made.owner));
      return made.deadline;
    }));
  };
  const auto deadline = adopt("task_c", "task_p");
  ASSERT_TRUE(deadline);
  EXPECT_LE(*deadline, parent.front().deadline);
  EXPECT_TRUE(adopt("task_g", "task_c"));
  auto of_parent = journal(one_, parent.front());
  EXPECT_TRUE(run(of_parent.park(clock_.now() + seconds(1000), {family::signal_of("task_c")})));
  auto below = claim(one_);
  ASSERT_EQ(below.size(), 2);
  const std::size_t c = below.front().id == "task_c" ? 0 : 1;
  auto of_child = journal(one_, below[c]);
  EXPECT_TRUE(run(of_child.end({.state = State::succeeded, .result = {{"answer", 7}}, .error = {}})));
  EXPECT_EQ(of_child.orphans(), std::vector<std::string>{"task_g"});
  parent = claim(two_);
  ASSERT_EQ(ids(parent), std::vector<std::string>{"task_p"});
  auto again = journal(two_, parent.front());
  Entry wait{
      .step = {.number = 0, .kind = StepKind::signal, .name = family::signal_of("task_c"), .input = "{}"},
      .outcome = {},
      .began = {}};
  const auto told = run(again.take_signal(wait)).value();
  ASSERT_TRUE(told);
  EXPECT_EQ(parse_json(told->json).value(),
            (Json{{"value", {{"id", "task_c"}, {"state", "succeeded"}, {"result", {{"answer", 7}}}}}}));
  EXPECT_EQ(adopt("task_late", "task_c").error().code(), ErrorCode::conflict);
}

TEST_P(TablesTest, StoppingATaskStopsAllBelowItAndItTakesNoMoreChildren) {
  add("task_p");
  const auto adopt = [this](const std::string& id, const std::string& below) {
    return run(database_.write_durably([=, now = clock_.now()](store::Transaction& tx) -> Result<> {
      NewTask made{.id = id,
                   .owner = {"w", below, "key", {}},
                   .spec_json = "{}",
                   .tools_json = "[]",
                   .goal = "",
                   .secret = "s",
                   .created = now,
                   .deadline = now + std::chrono::hours(1)};
      ACLOUD_CHECK(family::adopt(tx, made, below));
      return tables::add(tx, made, made.owner);
    }));
  };
  std::string last = "task_p";
  for (std::int64_t depth = 1; depth <= family::kDepthMost; ++depth) {
    const std::string next = fmt::format("task_{}", depth);
    ASSERT_TRUE(adopt(next, last));
    last = next;
  }
  EXPECT_EQ(adopt("task_deep", last).error().code(), ErrorCode::too_large);
  EXPECT_EQ(adopt("task_none", "task_nobody").error().code(), ErrorCode::conflict);
  const auto stopped = run(database_.write_durably(
      [this](store::Transaction& tx) { return tables::interrupt(tx, "w", "task_p", clock_.now()); }));
  EXPECT_EQ(stopped.value().below.size(), family::kDepthMost);
  EXPECT_EQ(adopt("task_late", "task_p").error().code(), ErrorCode::conflict);
  for (const Claimed& each : claim(one_, 100)) EXPECT_EQ(each.interrupt, "cancelled") << each.id;
}

INSTANTIATE_TEST_SUITE_P(Databases, TablesTest, store::testing::each_database(), store::testing::name_of);

}  // namespace
}  // namespace acloud::task
