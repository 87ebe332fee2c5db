// One suite for both disks: what holds for the machine's must hold for the simulated one, or the fault
// tests would prove nothing.
#include "store/disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "store/testing/simulated_disk.h"

namespace acloud::store {
namespace {

using ::testing::UnorderedElementsAre;
using Open = Disk::Open;

class DiskTest : public ::testing::TestWithParam<bool> {
 protected:
  DiskTest() {
    if (GetParam()) {
      std::string pattern = (std::filesystem::temp_directory_path() / "acloud-disk-XXXXXX").string();
      temporary_ = mkdtemp(pattern.data());
      root_ = temporary_ + "/root";
      disk_ = system_disk();
    } else {
      disk_ = std::make_unique<testing::SimulatedDisk>();
    }
    EXPECT_TRUE(disk_->make_folders(root_));
  }
  ~DiskTest() override {
    if (!temporary_.empty()) std::filesystem::remove_all(temporary_);
  }

  std::string at(std::string_view name) const { return root_ + "/" + std::string(name); }
  void put(std::string_view name, std::string_view bytes) {
    auto file = disk_->open(at(name), Open::create);
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->truncate(0));
    ASSERT_TRUE((*file)->write(0, bytes));
  }
  std::string get(std::string_view name) {
    auto file = disk_->open(at(name), Open::read);
    return file ? (*file)->read(0, 1 << 20).value() : "(none)";
  }

  std::string temporary_;
  std::string root_ = "/root";
  std::unique_ptr<Disk> disk_;
};

TEST_P(DiskTest, ReadsWhatWasWrittenAndZerosInGaps) {
  auto file = disk_->open(at("a"), Open::create_new).value();
  ASSERT_TRUE(file->write(1000, "end"));
  EXPECT_EQ(file->size().value(), 1003u);
  EXPECT_EQ(file->read(998, 100).value(), std::string("\0\0end", 5));
  EXPECT_EQ(file->read(2000, 10).value(), "");
  ASSERT_TRUE(file->write(999, "AB"));
  EXPECT_EQ(file->read(998, 100).value(), std::string("\0ABnd", 5));
  EXPECT_TRUE(file->sync());
}

TEST_P(DiskTest, ShrinksAndGrowsAgainWithZeros) {
  auto file = disk_->open(at("a"), Open::create_new).value();
  ASSERT_TRUE(file->write(0, std::string(2000, 'x')));
  ASSERT_TRUE(file->truncate(700));
  ASSERT_TRUE(file->write(1500, "y"));
  EXPECT_EQ(file->read(698, 4).value(), std::string("xx\0\0", 4));
  EXPECT_EQ(file->read(1498, 10).value(), std::string("\0\0y", 3));
}

TEST_P(DiskTest, OpensInEachMode) {
  EXPECT_EQ(disk_->open(at("a"), Open::read).error().code(), ErrorCode::not_found);
  EXPECT_EQ(disk_->open(at("a"), Open::write).error().code(), ErrorCode::not_found);
  EXPECT_EQ(disk_->open(at("no/a"), Open::create).error().code(), ErrorCode::not_found);
  EXPECT_TRUE(disk_->open(at("a"), Open::create_new));
  EXPECT_TRUE(disk_->open(at("a"), Open::create));
  EXPECT_EQ(disk_->open(at("a"), Open::create_new).error().code(), ErrorCode::conflict);
  EXPECT_FALSE(disk_->open(at("a"), Open::read).value()->write(0, "x"));
}

TEST_P(DiskTest, RenameReplacesAndRemoveRemoves) {
  put("a", "new");
  put("b", "old");
  ASSERT_TRUE(disk_->rename(at("a"), at("b")));
  EXPECT_EQ(get("b"), "new");
  EXPECT_FALSE(disk_->exists(at("a")).value());
  EXPECT_EQ(disk_->rename(at("a"), at("b")).error().code(), ErrorCode::not_found);
  ASSERT_TRUE(disk_->remove(at("b")));
  EXPECT_EQ(disk_->remove(at("b")).error().code(), ErrorCode::not_found);
  EXPECT_TRUE(disk_->sync_folder(root_));
}

TEST_P(DiskTest, AnOpenFileOutlivesItsName) {
  put("a", "still here");
  auto file = disk_->open(at("a"), Open::read).value();
  ASSERT_TRUE(disk_->remove(at("a")));
  EXPECT_EQ(file->read(0, 100).value(), "still here");
}

TEST_P(DiskTest, MakesFoldersAndListsThem) {
  ASSERT_TRUE(disk_->make_folders(at("x/y/z")));
  ASSERT_TRUE(disk_->make_folders(at("x/y/z")));
  put("x/file", "");
  EXPECT_THAT(disk_->list(at("x")).value(), UnorderedElementsAre("y", "file"));
  EXPECT_THAT(disk_->list(at("x/y/z")).value(), UnorderedElementsAre());
  EXPECT_EQ(disk_->list(at("none")).error().code(), ErrorCode::not_found);
  EXPECT_EQ(disk_->sync_folder(at("none")).error().code(), ErrorCode::not_found);
}

TEST_P(DiskTest, TouchSetsTheTime) {
  put("a", "");
  const Time when{std::chrono::microseconds{1'700'000'000'123'456}};
  ASSERT_TRUE(disk_->touch(at("a"), when));
  EXPECT_EQ(disk_->modified(at("a")).value(), when);
  EXPECT_EQ(disk_->modified(at("b")).error().code(), ErrorCode::not_found);
}

INSTANTIATE_TEST_SUITE_P(Disks, DiskTest, ::testing::Bool(),
                         [](const auto& which) { return which.param ? "System" : "Simulated"; });

}  // namespace
}  // namespace acloud::store
