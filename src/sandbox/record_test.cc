#include "sandbox/record.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace acloud::sandbox {
namespace {

class Records : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "acloud-records-XXXXXX").string();
    base_ = ::mkdtemp(pattern.data());
    folder_ = base_ + "/sandboxes";
  }
  void TearDown() override {
    for (const auto& [id, record] : open().load().value()) open().remove(id);
    open().close();
    std::filesystem::remove_all(base_);
  }
  RecordFolder open() { return RecordFolder::open(folder_).value(); }

  std::string base_, folder_;
};

TEST_F(Records, AreFoundAgainAsTheyWereLastWritten) {
  const RecordFolder records = open();
  Record record{.id = "sbx_1",
                .workspace = "w",
                .image = "base",
                .created = Time{std::chrono::seconds(5)},
                .idle_timeout = std::chrono::seconds(7),
                .deadline = Time{std::chrono::seconds(9)},
                .env = {{"A", "ü\n\"x\""}},
                .limits = {.cpus = 1.5, .processes = 9}};
  ASSERT_TRUE(records.write(record));
  record.paused = true;
  ASSERT_TRUE(records.write(record));
  const auto loaded = open().load().value();
  ASSERT_EQ(loaded.size(), 1U);
  EXPECT_EQ(encode(loaded.at("sbx_1")), encode(record));
}

TEST_F(Records, LieOnATmpfsForRootWhichNothingIsLeftOn) {
  const RecordFolder records = open();
  const std::string link = folder_ + "/records";
  if (!std::filesystem::is_symlink(link)) GTEST_SKIP() << "not root, or neither /run nor /dev/shm is a tmpfs";
  const std::filesystem::path there = std::filesystem::read_symlink(link);
  EXPECT_EQ(std::filesystem::status(there).permissions(), std::filesystem::perms::owner_all);
  ASSERT_TRUE(records.write({.id = "sbx_1", .workspace = "w", .image = "base"}));
  records.close();
  EXPECT_EQ(open().load().value().size(), 1U);  // what is needed stays
  records.remove("sbx_1");
  records.close();
  EXPECT_FALSE(std::filesystem::exists(there));
  EXPECT_TRUE(open().load().value().empty());  // and can be had again
}

TEST_F(Records, AreNotPutWhereSomebodyElseWaitsForThem) {
  open().close();
  const RecordFolder first = open();
  const std::string link = folder_ + "/records";
  if (!std::filesystem::is_symlink(link)) GTEST_SKIP() << "not root, or neither /run nor /dev/shm is a tmpfs";
  const std::filesystem::path there = std::filesystem::read_symlink(link);
  std::filesystem::permissions(there, std::filesystem::perms::all);  // as one that everybody may write to
  std::filesystem::remove(link);
  const RecordFolder records = open();
  EXPECT_TRUE(std::filesystem::is_directory(std::filesystem::symlink_status(link)));
  EXPECT_TRUE(records.write({.id = "sbx_1", .workspace = "w", .image = "base"}));
  std::filesystem::remove(there);
}

TEST_F(Records, OfTheRemovedAreGone) {
  const RecordFolder records = open();
  ASSERT_TRUE(records.write({.id = "sbx_1", .workspace = "w", .image = "base"}));
  records.remove("sbx_1");
  records.remove("sbx_never");
  EXPECT_TRUE(records.load().value().empty());
}

TEST_F(Records, ThatAreDamagedAreLeftOutAndRemoved) {
  const RecordFolder records = open();
  ASSERT_TRUE(records.write({.id = "sbx_1", .workspace = "w", .image = "base"}));
  std::ofstream(folder_ + "/records/sbx_2.json") << R"({"id":"sbx_2","work)";
  std::ofstream(folder_ + "/records/sbx_3.json.new") << "{}";
  std::filesystem::copy_file(folder_ + "/records/sbx_1.json", folder_ + "/records/sbx_4.json");
  EXPECT_EQ(records.load().value().size(), 1U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_ + "/records"), {}), 1);
}

TEST_F(Records, AreForTheirOwnerAlone) {
  const RecordFolder records = open();
  ASSERT_TRUE(records.write({.id = "sbx_1", .workspace = "w", .image = "base"}));
  struct stat there{};
  ASSERT_EQ(::stat((folder_ + "/records/sbx_1.json").c_str(), &there), 0);
  EXPECT_EQ(there.st_mode & 0777, 0600U);
}

}  // namespace
}  // namespace acloud::sandbox
