#include "kernel/spool.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "kernel/spool_format.h"
#include "store/testing/databases.h"

namespace acloud::kernel {
namespace {

// Folds each record into a row, so that a record folded twice shows.
class SpoolTest : public store::testing::OnEachDatabase {
 protected:
  SpoolTest() {
    auto migrations = Spool::migrations();
    migrations.push_back({"folded-1", "CREATE TABLE folded (request_id TEXT NOT NULL);"});
    database_ = &open(migrations);
  }

  std::unique_ptr<Spool> spool(const std::string& instance) { return *Spool::open(folder_.path(), instance); }

  static CallRecord record(int i) {
    return {.request_id = fmt::format("req_{}", i), .operation = "object.get"};
  }

  static Result<> fold(store::Transaction& tx, std::span<const CallRecord> records) {
    for (const CallRecord& record : records) {
      ACLOUD_CHECK(tx.execute("INSERT INTO folded (request_id) VALUES ($1)", {record.request_id}));
    }
    return {};
  }

  std::int64_t folded() { return run(database_->query("SELECT COUNT(*) FROM folded"))->front().integer(0); }
  std::size_t files() {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_.path()), {}));
  }

  store::testing::TemporaryFolder folder_;
  store::Database* database_;
};

TEST_P(SpoolTest, FoldsEachRecordOnceAndRemovesItsFile) {
  const auto spool = this->spool("one");
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(spool->append(record(i)));
  ASSERT_TRUE(run(spool->drain(*database_, fold)));
  EXPECT_EQ(folded(), 1000);
  ASSERT_TRUE(run(spool->drain(*database_, fold)));
  EXPECT_EQ(folded(), 1000);
  EXPECT_EQ(files(), 1U);  // the one that is written to
}

TEST_P(SpoolTest, AnEarlierRunsRecordsAreFoldedByTheNext) {
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(spool("killed-" + std::to_string(i))->append(record(i)));
  const auto next = spool("next");
  ASSERT_TRUE(run(next->drain(*database_, fold)));
  EXPECT_EQ(folded(), 10);
}

// A server that dies between two transactions of a long file: the next one goes on where it was.
TEST_P(SpoolTest, ADrainThatFailsHalfwayIsTakenUpWhereItWas) {
  const auto spool = this->spool("one");
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(spool->append(record(i)));
  const auto failing = [](store::Transaction& tx, std::span<const CallRecord> records) -> Result<> {
    for (const CallRecord& record : records) {
      if (record.request_id == "req_700") return fail(ErrorCode::unavailable, "the disk is full");
    }
    return fold(tx, records);
  };
  EXPECT_FALSE(run(spool->drain(*database_, failing)));
  const std::int64_t before = folded();
  EXPECT_GT(before, 0);
  EXPECT_LT(before, 700);
  ASSERT_TRUE(run(spool->drain(*database_, fold)));
  EXPECT_EQ(folded(), 1000);
}

// What a crash of the machine can leave: a record of which a sector was lost. The ones before it are whole.
TEST_P(SpoolTest, ATornRecordEndsItsFile) {
  {
    const auto killed = spool("killed");
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(killed->append(record(i)));
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    std::string bytes(Spool::kFileBytes, '\0');
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    const auto third = bytes.find("req_2");
    ASSERT_NE(third, bytes.npos);
    file.seekp(static_cast<std::streamoff>(third));
    file.put('\0');
  }
  const auto next = spool("next");
  ASSERT_TRUE(run(next->drain(*database_, fold)));
  EXPECT_EQ(folded(), 2);
}

TEST_P(SpoolTest, MoreThanAFileHolds) {
  const auto spool = this->spool("one");
  CallRecord large = record(0);
  large.resource = std::string(1024, 'r');
  const int many = static_cast<int>(2 * Spool::kFileBytes / 1024);
  for (int i = 0; i < many; ++i) ASSERT_TRUE(spool->append(large));
  EXPECT_GT(files(), 2U);
  ASSERT_TRUE(run(spool->drain(*database_, fold)));
  EXPECT_EQ(folded(), many);
}

TEST(SpoolFormat, RecordsReadBackAndOtherBytesAreNone) {
  const CallRecord record{.request_id = "req_1",
                          .started = Time{std::chrono::seconds(5)},
                          .took_us = 7,
                          .workspace = "w",
                          .principal = "p",
                          .key = "k",
                          .operation = "object.get",
                          .effect = "read",
                          .resource = std::string("bucket/\0x", 9),
                          .outcome = "ok"};
  std::string bytes;
  spool_format::append_record(bytes, record);
  const auto again = spool_format::to_record(bytes);
  ASSERT_TRUE(again);
  EXPECT_EQ(encode(*again), encode(record));
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_FALSE(spool_format::to_record(bytes.substr(0, cut)));
  EXPECT_FALSE(spool_format::to_record(bytes + "x"));
}

INSTANTIATE_TEST_SUITE_P(Databases, SpoolTest, store::testing::each_database(), store::testing::name_of);

}  // namespace
}  // namespace acloud::kernel
