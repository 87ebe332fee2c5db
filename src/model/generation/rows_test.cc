#include "model/generation/rows.h"

#include <gtest/gtest.h>

#include "store/testing/databases.h"

namespace acloud::model::generation {
namespace {

using namespace std::chrono_literals;

class GenerationRows : public store::testing::OnEachDatabase {
 protected:
  template <class F>
  auto write(F work) {
    return run(database_.write_durably(std::move(work))).value();
  }
  std::optional<Row> find(const std::string& task) {
    return run(database_.read([task](store::Reader& reader) { return rows::find(reader, task); })).value();
  }
  store::Database& database_ = open(rows::migrations());
};

TEST_P(GenerationRows, GiveBackWhatWasKept) {
  Row row{
      .task = "task_1",
      .workspace = "w",
      .record = {.request = {.model = "wan", .prompt = "a boat", .duration = 7s, .into = Into{"b", "p/"}}}};
  run(database_.write_durably([&](store::Transaction& tx) { return rows::add(tx, row); })).value();
  row.state = State::running;
  row.record.begun = Begun{.id = "u-1", .media = ledger::Media{.video = 5s}, .resolution = "720P"};
  row.record.items = {{.url = "https://r/v.mp4"}};
  row.record.failure = Failure{"unavailable", "no"};
  EXPECT_TRUE(write([&](store::Transaction& tx) { return rows::change(tx, State::queued, row); }));
  const auto found = find("task_1");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->state, State::running);
  EXPECT_EQ(encode(found->record), encode(row.record));
  EXPECT_FALSE(find("task_2"));
}

// Of two servers that go on with one, one does.
TEST_P(GenerationRows, AChangeIsMadeFromOneStateAlone) {
  Row row{.task = "task_1", .workspace = "w", .record = {.request = {.model = "wan", .prompt = "x"}}};
  run(database_.write_durably([&](store::Transaction& tx) { return rows::add(tx, row); })).value();
  row.state = State::asking;
  const auto ask = [&](store::Transaction& tx) { return rows::change(tx, State::queued, row); };
  EXPECT_TRUE(write(ask));
  EXPECT_FALSE(write(ask));
  EXPECT_TRUE(write([](store::Transaction& tx) { return rows::end(tx, "task_1"); }));
  EXPECT_FALSE(write([](store::Transaction& tx) { return rows::end(tx, "task_1"); }));
  EXPECT_EQ(find("task_1")->state, State::ended);
}

INSTANTIATE_TEST_SUITE_P(Databases, GenerationRows, store::testing::each_database(), store::testing::name_of);

}  // namespace
}  // namespace acloud::model::generation
