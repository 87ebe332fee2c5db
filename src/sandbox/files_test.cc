#include "sandbox/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace acloud::sandbox {
namespace {

namespace fs = std::filesystem;

// A folder as the root of a sandbox, beside a secret that must not be reached.
class Files : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "acloud-files-XXXXXX").string();
    base_ = ::mkdtemp(pattern.data());
    fs::create_directories(base_ + "/root/root");
    std::ofstream(base_ + "/secret") << "secret";
    jail::Fd root(::open((base_ + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    place_ = {std::make_shared<const jail::Fd>(std::move(root)), ::geteuid(), ::getegid()};
  }
  void TearDown() override { fs::remove_all(base_); }

  Result<> write(const std::string& path, std::string_view content, std::optional<std::string> mode = {}) {
    ACLOUD_TRY(const jail::Fd file, open_to_write(place_, path, mode));
    return write_all(place_, file.get(), content);
  }
  Result<std::string> read(const std::string& path) {
    ACLOUD_TRY(const OpenFile file, open_to_read(place_, path));
    return read_some(file.fd.get(), 1 << 20);
  }
  ErrorCode code_of_read(const std::string& path) {
    const auto got = read(path);
    EXPECT_FALSE(got) << path;
    return got ? ErrorCode::internal : got.error().code();
  }

  std::string base_;
  Place place_;
};

TEST_F(Files, AreReadAsTheyWereWritten) {
  ASSERT_TRUE(write("/root/a/b/c.txt", "one"));
  EXPECT_EQ(read("/root/a/b/c.txt"), "one");
  ASSERT_TRUE(write("/root/a/b/c.txt", "2", "750"));
  EXPECT_EQ(read("/root/a/../a/b/c.txt"), "2");
  EXPECT_EQ(open_to_read(place_, "/root/a/b/c.txt")->mode, "750");
  EXPECT_EQ(absolute_path("a/b"), "/root/a/b");
  EXPECT_EQ(absolute_path("/a"), "/a");
}

TEST_F(Files, NothingLeadsOut) {
  fs::create_symlink(base_ + "/secret", base_ + "/root/absolute");
  fs::create_symlink("../../../../secret", base_ + "/root/relative");
  fs::create_directory_symlink("..", base_ + "/root/up");
  for (const char* path : {"/absolute", "/relative", "/up/secret", "/../secret", "/root/../../secret"}) {
    EXPECT_EQ(code_of_read(path), ErrorCode::not_found) << path;
  }
  // Written through a link, a file comes to lie where the link leads inside.
  ASSERT_TRUE(write("/relative", "inside"));
  EXPECT_EQ(read("/secret"), "inside");
  std::ifstream secret(base_ + "/secret");
  std::string text;
  secret >> text;
  EXPECT_EQ(text, "secret");
}

TEST_F(Files, NothingLeadsOutWhileFoldersMove) {
  fs::create_directories(base_ + "/root/x/y");
  std::atomic<bool> stop = false;
  std::thread mover([&] {
    while (!stop) {
      ::rename((base_ + "/root/x/y").c_str(), (base_ + "/root/y").c_str());
      ::rename((base_ + "/root/y").c_str(), (base_ + "/root/x/y").c_str());
    }
  });
  for (int i = 0; i < 2000; ++i) {
    const auto got = read("/x/y/../../../../secret");
    EXPECT_FALSE(got) << *got;
  }
  stop = true;
  mover.join();
}

TEST_F(Files, NothingOutsideIsRemovedWhileFoldersBecomeLinks) {
  fs::create_directories(base_ + "/outside/x");
  std::ofstream(base_ + "/outside/x/kept") << "kept";
  fs::create_directories(base_ + "/root/other");
  std::atomic<bool> stop = false;
  std::thread swapper([&] {
    const std::string x = base_ + "/root/d/x", link = base_ + "/root/link";
    while (!stop) {
      ::mkdir((base_ + "/root/d").c_str(), 0755);
      ::mkdir(x.c_str(), 0755);
      (void)::symlink((base_ + "/outside/x").c_str(), link.c_str());
      ::renameat2(AT_FDCWD, x.c_str(), AT_FDCWD, link.c_str(), RENAME_EXCHANGE);
    }
  });
  int removed = 0;
  for (int i = 0; i < 3000; ++i) removed += remove_path(place_, "/d").has_value();
  stop = true;
  swapper.join();
  EXPECT_GT(removed, 0);
  EXPECT_TRUE(fs::exists(base_ + "/outside/x/kept"));
}

TEST_F(Files, AreMovedAndRemovedThemselvesNotWhereTheyLead) {
  fs::create_symlink(base_ + "/secret", base_ + "/root/link");
  ASSERT_TRUE(move_path(place_, "/link", "/moved"));
  const auto info = stat_path(place_, "/moved");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->target, base_ + "/secret");
  ASSERT_TRUE(remove_path(place_, "/moved"));
  EXPECT_TRUE(fs::exists(base_ + "/secret"));
  EXPECT_EQ(remove_path(place_, "/moved").error().code(), ErrorCode::not_found);
  for (const char* path : {"/", "/root/..", "/.", "/.."})
    EXPECT_EQ(remove_path(place_, path).error().code(), ErrorCode::invalid_argument) << path;
  ASSERT_TRUE(make_folder(place_, "/a/b/../c/", "700"));
  EXPECT_EQ(stat_path(place_, "/a/c")->mode, "700");
}

TEST_F(Files, WhatIsNoFileIsRefusedAtOnce) {
  ASSERT_EQ(::mkfifo((base_ + "/root/pipe").c_str(), 0600), 0);
  EXPECT_EQ(code_of_read("/pipe"), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of_read("/root"), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of_read("/none"), ErrorCode::not_found);
  for (const char* path : {"/pipe", "/root", "/root/"}) {
    const auto written = write(path, "x");
    ASSERT_FALSE(written) << path;
    EXPECT_EQ(written.error().code(), ErrorCode::invalid_argument) << path;
  }
  ASSERT_TRUE(write("/file", "x"));
  EXPECT_EQ(write("/file/below", "x").error().code(), ErrorCode::invalid_argument);
}

TEST_F(Files, AreListedByNameWithWhatTheyAre) {
  ASSERT_TRUE(write("/d/b", "12345", "600"));
  fs::create_directory(base_ + "/root/d/a");
  fs::create_symlink("b", base_ + "/root/d/c");
  const auto listed = list_folder(place_, "/d");
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 3U);
  EXPECT_EQ((*listed)[0].type, FileType::directory);
  EXPECT_EQ((*listed)[1].path, "/d/b");
  EXPECT_EQ((*listed)[1].size, 5);
  EXPECT_EQ((*listed)[1].mode, "600");
  EXPECT_EQ((*listed)[2].type, FileType::symlink);
  EXPECT_EQ((*listed)[2].target, "b");
  EXPECT_EQ(list_folder(place_, "/d/b").error().code(), ErrorCode::invalid_argument);
}

TEST_F(Files, RootOutsideHasOnlyTheRightsOfItsUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_TRUE(write("/mine", "x", "600"));
  place_.user = place_.group = 54'321;
  EXPECT_EQ(code_of_read("/mine"), ErrorCode::permission_denied);
  EXPECT_EQ(write("/new", "x").error().code(), ErrorCode::permission_denied);
  place_.user = place_.group = 0;
  EXPECT_EQ(read("/mine"), "x");  // the thread is itself again
}

TEST(FileRules, ForPathsAndModes) {
  EXPECT_TRUE(is_path("a") && is_path("/") && is_path(std::string(4096, 'a')));
  EXPECT_FALSE(is_path("") || is_path(std::string(4097, 'a')) || is_path(std::string_view("a\0b", 3)));
  EXPECT_TRUE(is_mode("644") && is_mode("0755"));
  EXPECT_FALSE(is_mode("64") || is_mode("888") || is_mode("+644") || is_mode("07555"));
}

}  // namespace
}  // namespace acloud::sandbox
