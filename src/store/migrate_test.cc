// The schema's way forward, on SQLite and on PostgreSQL.
#include "store/migrate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/testing/databases.h"

namespace acloud::store {
namespace {

using ::testing::HasSubstr;

const Migration kFirst{"a-1", "CREATE TABLE a (id BIGINT PRIMARY KEY); INSERT INTO a VALUES (1)"};
const Migration kSecond{"a-2", "ALTER TABLE a ADD COLUMN name TEXT; UPDATE a SET name = 'one'"};
const Migration kOther{"b-1", "CREATE TABLE b (id BIGINT PRIMARY KEY)"};

class MigrateTest : public testing::OnEachDatabase {
 protected:
  Error refused(const std::vector<Migration>& migrations) {
    const auto opened = try_open(migrations);
    EXPECT_FALSE(opened);
    return opened ? Error(ErrorCode::internal, "opened") : opened.error();
  }
};
INSTANTIATE_TEST_SUITE_P(Databases, MigrateTest, testing::each_database(), testing::name_of);

TEST_P(MigrateTest, RunsWhatIsMissingOnce) {
  open({kFirst});
  close_all();
  open({kFirst});
  close_all();
  // A product in the middle of the list got a step; another came in front of it.
  Database& database = open({kOther, kFirst, kSecond});
  const Rows rows = run(database.query("SELECT id, name FROM a")).value();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].text(1), "one");
  EXPECT_TRUE(run(database.query("SELECT id FROM b")));
}

TEST_P(MigrateTest, RefusesWhatANewerOneWrote) {
  open({kFirst, kSecond});
  close_all();
  const Error error = refused({kFirst});
  EXPECT_EQ(error.code(), ErrorCode::precondition_failed);
  EXPECT_THAT(error.message(), HasSubstr("'a-2'"));
  EXPECT_TRUE(try_open({kFirst, kSecond}));
}

TEST_P(MigrateTest, AFailingStepChangesNothing) {
  const Error error =
      refused({kFirst, {"a-broken", "CREATE TABLE c (id BIGINT); CREATE TABLE a (id BIGINT)"}});
  EXPECT_EQ(error.code(), ErrorCode::internal);
  EXPECT_THAT(error.message(), HasSubstr("a-broken"));
  Database& database = open({kFirst, kSecond});
  EXPECT_FALSE(run(database.query("SELECT * FROM c")));
}

TEST_P(MigrateTest, RefusesTwoStepsOfOneName) {
  EXPECT_EQ(refused({kFirst, kFirst}).code(), ErrorCode::invalid_argument);
}

TEST_P(MigrateTest, OpenersAtOnceTakeTurns) {
  std::atomic<int> opened = 0;
  {
    std::vector<std::jthread> openers;
    for (int i = 0; i < 6; ++i) {
      openers.emplace_back([&] {
        const auto database = try_open({kFirst, kSecond, kOther});
        EXPECT_TRUE(database) << database.error().message();
        if (database) ++opened;
      });
    }
  }
  EXPECT_EQ(opened, 6);
  EXPECT_EQ(run(open({kFirst, kSecond, kOther}).query("SELECT COUNT(*) FROM a")).value()[0].integer(0), 1);
}

TEST(OpenTest, RefusesOtherUrls) {
  const auto opened = open({.url = "mysql://u:secret@h/d", .data_folder = ""}, {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::invalid_argument);
  EXPECT_THAT(opened.error().message(), ::testing::Not(HasSubstr("secret")));
  EXPECT_EQ(open({.url = "postgres://nobody@%2Fnowhere/d"}, {}).error().code(), ErrorCode::unavailable);
}

}  // namespace
}  // namespace acloud::store
