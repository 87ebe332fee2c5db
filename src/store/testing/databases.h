// A test suite that runs over SQLite and over PostgreSQL:
//
//   class BucketsTest : public store::testing::OnEachDatabase {};
//   TEST_P(BucketsTest, AreListedByName) { auto& database = open({kMigrations}); ... }
//   INSTANTIATE_TEST_SUITE_P(Databases, BucketsTest, store::testing::each_database(),
//   store::testing::name_of);
//
// Each test gets an empty store of its own. The PostgreSQL server is started once for the test program.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "async/event_loop.h"
#include "store/database.h"

namespace acloud::store::testing {

inline auto each_database() { return ::testing::Values("sqlite", "postgres"); }
inline std::string name_of(const ::testing::TestParamInfo<const char*>& info) { return info.param; }

// A folder that goes with the test.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class OnEachDatabase : public ::testing::TestWithParam<const char*> {
 protected:
  OnEachDatabase();

  bool on_sqlite() const { return std::string_view(GetParam()) == "sqlite"; }
  // Opens the test's store, which is closed with the test. A second call opens it once more, beside the
  // first.
  Database& open(const std::vector<Migration>& migrations);
  Result<std::unique_ptr<Database>> try_open(const std::vector<Migration>& migrations);
  void close_all() { databases_.clear(); }

  // Runs a task to its end on the test's loop.
  template <class T>
  T run(Task<T> task) {
    return loop_.run_until_done(std::move(task));
  }

  OpenOptions options_;
  async::EventLoop loop_;

 private:
  TemporaryFolder folder_;
  std::vector<std::unique_ptr<Database>> databases_;
};

}  // namespace acloud::store::testing
