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
  void TearDown() override { std::filesystem::remove_all(base_); }
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
  std::ofstream(folder_ + "/sbx_2.json") << R"({"id":"sbx_2","work)";
  std::ofstream(folder_ + "/sbx_3.json.new") << "{}";
  std::filesystem::copy_file(folder_ + "/sbx_1.json", folder_ + "/sbx_4.json");
  EXPECT_EQ(records.load().value().size(), 1U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(Records, AreForTheirOwnerAlone) {
  const RecordFolder records = open();
  ASSERT_TRUE(records.write({.id = "sbx_1", .workspace = "w", .image = "base"}));
  struct stat there{};
  ASSERT_EQ(::stat((folder_ + "/sbx_1.json").c_str(), &there), 0);
  EXPECT_EQ(there.st_mode & 0777, 0600U);
}

}  // namespace
}  // namespace acloud::sandbox
