// The walk itself, on a program small enough to see through: replace a file by way of a staging file.
#include "store/testing/fault_walk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace acloud::store::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

struct Steps {
  bool sync_file = true;
  bool sync_folder = true;
};

Result<> replace(Disk& disk, std::string_view bytes, Steps steps) {
  ACLOUD_TRY(auto file, disk.open("/d/staging", Disk::Open::create));
  ACLOUD_CHECK(file->truncate(0));
  ACLOUD_CHECK(file->write(0, bytes));
  if (steps.sync_file) ACLOUD_CHECK(file->sync());
  ACLOUD_CHECK(disk.rename("/d/staging", "/d/value"));
  if (steps.sync_folder) ACLOUD_CHECK(disk.sync_folder("/d"));
  return {};
}

const std::string kOld(1500, 'o');
const std::string kNew(1500, 'n');

WalkReport walk_publishing(Steps steps) {
  return walk_faults(
      Scenario<bool>{.prepare =
                         [](SimulatedDisk& disk) {
                           ASSERT_TRUE(disk.make_folders("/d"));
                           ASSERT_TRUE(disk.sync_folder("/"));
                           ASSERT_TRUE(replace(disk, kOld, {}));
                         },
                     .run = [=](SimulatedDisk& disk) { return replace(disk, kNew, steps).has_value(); },
                     .check = [](SimulatedDisk& disk, bool acknowledged) -> std::string {
                       auto file = disk.open("/d/value", Disk::Open::read);
                       if (!file) return file.error().message();
                       const std::string found = (*file)->read(0, 1 << 20).value();
                       if (found == kNew || (found == kOld && !acknowledged)) return "";
                       return found == kOld ? "the acknowledged value is lost" : "half a value";
                     }});
}

TEST(FaultWalk, FindsNothingWrongWithACarefulProgram) {
  const WalkReport report = walk_publishing({});
  EXPECT_THAT(report.broken, IsEmpty());
  // open, truncate, write, sync, rename, sync_folder, and the call that no run reaches.
  EXPECT_EQ(report.calls, 7u);
  EXPECT_EQ(report.runs, 5 * 7u);
}

TEST(FaultWalk, NoticesWhereTheFileIsNotSynced) {
  EXPECT_THAT(walk_publishing({.sync_file = false}).broken, Not(IsEmpty()));
}

TEST(FaultWalk, NoticesWhereTheFolderIsNotSynced) {
  EXPECT_THAT(walk_publishing({.sync_folder = false}).broken, Not(IsEmpty()));
}

}  // namespace
}  // namespace acloud::store::testing
