#include "store/testing/simulated_disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace acloud::store::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;
using Open = Disk::Open;

std::string content(Disk& disk, const std::string& path) {
  auto file = disk.open(path, Open::read);
  return file ? (*file)->read(0, 1 << 20).value() : "(none)";
}

// Every content of `path` that some reboot finds.
std::set<std::string> contents_after_crash(const SimulatedDisk& disk, const std::string& path) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 200; ++seed) seen.insert(content(*disk.after_crash(seed), path));
  return seen;
}

// A folder and a file in it that are durable.
void make_durable(SimulatedDisk& disk, const std::string& bytes) {
  ASSERT_TRUE(disk.make_folders("/d"));
  ASSERT_TRUE(disk.sync_folder("/"));
  auto file = disk.open("/d/f", Open::create_new).value();
  ASSERT_TRUE(file->write(0, bytes));
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(disk.sync_folder("/d"));
}

TEST(SimulatedDisk, ACrashKeepsWhatWasSynced) {
  SimulatedDisk disk;
  make_durable(disk, "safe");
  EXPECT_THAT(contents_after_crash(disk, "/d/f"), ElementsAre("safe"));
}

TEST(SimulatedDisk, ACrashKeepsLosesOrTearsWhatWasNotSynced) {
  SimulatedDisk disk;
  const std::string old_sector(512, 'o'), new_sector(512, 'n');
  make_durable(disk, old_sector + old_sector);
  auto file = disk.open("/d/f", Open::write).value();
  ASSERT_TRUE(file->write(0, new_sector + new_sector));
  EXPECT_THAT(contents_after_crash(disk, "/d/f"),
              ElementsAre(new_sector + new_sector, new_sector + old_sector, old_sector + new_sector,
                          old_sector + old_sector));
}

TEST(SimulatedDisk, ANameIsDurableOnlyAfterItsFolderIsSynced) {
  SimulatedDisk disk;
  make_durable(disk, "old");
  {
    auto file = disk.open("/d/g", Open::create_new).value();
    ASSERT_TRUE(file->write(0, "new"));
    ASSERT_TRUE(file->sync());
  }
  ASSERT_TRUE(disk.rename("/d/g", "/d/f"));
  EXPECT_THAT(contents_after_crash(disk, "/d/f"), ElementsAre("new", "old"));
  EXPECT_THAT(contents_after_crash(disk, "/d/g"), Contains("(none)"));
  ASSERT_TRUE(disk.sync_folder("/d"));
  EXPECT_THAT(contents_after_crash(disk, "/d/f"), ElementsAre("new"));
  EXPECT_THAT(contents_after_crash(disk, "/d/g"), ElementsAre("(none)"));
}

TEST(SimulatedDisk, ARemovedFileMayComeBack) {
  SimulatedDisk disk;
  make_durable(disk, "old");
  ASSERT_TRUE(disk.remove("/d/f"));
  EXPECT_THAT(contents_after_crash(disk, "/d/f"), ElementsAre("(none)", "old"));
}

TEST(SimulatedDisk, AFolderThatIsLostTakesItsFilesAlong) {
  SimulatedDisk disk;
  ASSERT_TRUE(disk.make_folders("/d"));
  auto file = disk.open("/d/f", Open::create_new).value();
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(disk.sync_folder("/d"));
  EXPECT_THAT(contents_after_crash(disk, "/d/f"), ElementsAre("", "(none)"));
}

// As Linux does: the pages that could not be written are marked clean, so the next sync says that all is
// well.
TEST(SimulatedDisk, AFailedSyncIsNotMadeGoodByTheNext) {
  SimulatedDisk disk;
  make_durable(disk, "old");
  auto file = disk.open("/d/f", Open::write).value();
  ASSERT_TRUE(file->write(0, "new"));
  disk.plant(Fault::io_error, 1);
  EXPECT_FALSE(file->sync());
  EXPECT_TRUE(file->sync());
  EXPECT_THAT(contents_after_crash(disk, "/d/f"), ElementsAre("new", "old"));
  ASSERT_TRUE(file->write(0, "new"));
  EXPECT_TRUE(file->sync());
  EXPECT_THAT(contents_after_crash(disk, "/d/f"), ElementsAre("new"));
}

TEST(SimulatedDisk, EachFaultDoesWhatItsNameSays) {
  const auto written = [](Fault fault) {
    SimulatedDisk disk;
    make_durable(disk, "....");
    auto file = disk.open("/d/f", Open::write).value();
    disk.plant(fault, 1);
    EXPECT_EQ(file->write(0, "abcd").has_value(), fault == Fault::none);
    return fault == Fault::crash ? "" : file->read(0, 10).value();
  };
  EXPECT_EQ(written(Fault::none), "abcd");
  EXPECT_EQ(written(Fault::io_error), "....");
  EXPECT_EQ(written(Fault::full), "....");
  EXPECT_EQ(written(Fault::torn), "ab..");
  EXPECT_EQ(written(Fault::late), "abcd");
}

TEST(SimulatedDisk, AFullDiskIsUnavailableAndAFailingOneInternal) {
  SimulatedDisk disk;
  disk.plant(Fault::full, 1);
  EXPECT_EQ(disk.open("/f", Open::create).error().code(), ErrorCode::unavailable);
  disk.plant(Fault::io_error, 1);
  EXPECT_EQ(disk.open("/f", Open::create).error().code(), ErrorCode::internal);
  EXPECT_TRUE(disk.open("/f", Open::create));
}

TEST(SimulatedDisk, AfterACrashNothingWorks) {
  SimulatedDisk disk;
  make_durable(disk, "safe");
  auto file = disk.open("/d/f", Open::write).value();
  disk.plant(Fault::crash, 2);
  EXPECT_TRUE(file->write(0, "SAFE"));
  EXPECT_FALSE(file->sync());
  EXPECT_TRUE(disk.struck());
  EXPECT_FALSE(file->read(0, 1));
  EXPECT_FALSE(disk.open("/d/f", Open::read));
  EXPECT_FALSE(disk.exists("/d/f"));
  EXPECT_THAT(contents_after_crash(disk, "/d/f"), ElementsAre("SAFE", "safe"));
}

TEST(SimulatedDisk, TheSameSeedFindsTheSame) {
  SimulatedDisk disk;
  make_durable(disk, std::string(4096, 'o'));
  auto file = disk.open("/d/f", Open::write).value();
  ASSERT_TRUE(file->write(0, std::string(4096, 'n')));
  EXPECT_EQ(content(*disk.after_crash(7), "/d/f"), content(*disk.after_crash(7), "/d/f"));
}

}  // namespace
}  // namespace acloud::store::testing
