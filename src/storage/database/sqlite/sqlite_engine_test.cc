#include "storage/database/sqlite/sqlite_engine.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "async/event_loop.h"
#include "async/task_scope.h"
#include "storage/database/sqlite/worker.h"

namespace acloud::storage::sqlite {
namespace {

using namespace std::chrono_literals;

class SqliteEngineTest : public ::testing::Test {
 protected:
  SqliteEngineTest() {
    std::string pattern = ::testing::TempDir() + "sqlite-engine-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~SqliteEngineTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
  async::EventLoop loop_;
};

SqlQuery query_of(std::string id, std::string sql) {
  SqlQuery query;
  query.database = {"w", std::move(id), ""};
  query.sql = std::move(sql);
  query.by = async::Deadline::after(30s);
  return query;
}

// Databases that are made, used and removed, one after the other.
Task<Result<int>> come_and_go(SqliteEngine& engine, std::string who, int times) {
  for (int i = 0; i < times; ++i) {
    const std::string id = who + std::to_string(i);
    ACLOUD_CO_TRY(const QueryReply made, co_await engine.run(query_of(id, "CREATE TABLE t (n INTEGER)")));
    ACLOUD_CO_CHECK(co_await engine.drop(id));
  }
  co_return times;
}

TEST_F(SqliteEngineTest, MakesOneWhileTheLastOfItsWorkspaceIsRemoved) {
  SqliteEngine engine({.folder = folder_});
  std::vector<Task<Result<int>>> both;
  both.push_back(come_and_go(engine, "a", 300));
  both.push_back(come_and_go(engine, "b", 300));
  const auto done = loop_.run_until_done(async::all(std::move(both)));
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

}  // namespace
}  // namespace acloud::storage::sqlite

// The engine starts workers as the program that it is in.
int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && words.front() == "database-worker")
    return acloud::storage::sqlite::worker_main(std::span(words).subspan(1));
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
