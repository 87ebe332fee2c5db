#include "sandbox/images/tree_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace acloud::sandbox::images {
namespace {

namespace fs = std::filesystem;

class TreeWriterTest : public testing::Test {
 protected:
  TreeWriterTest() {
    std::string name = (fs::temp_directory_path() / "acloud-tree-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    fs::create_directories(folder_ / "root");
  }
  ~TreeWriterTest() override { fs::remove_all(folder_); }

  TreeWriter writer(Budget budget = {}) const {
    return TreeWriter(jail::Fd(::open((folder_ / "root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)),
                      {.budget = budget});
  }
  static TreeWriter::Read text(std::string_view content) {
    return [content]() mutable -> Result<std::string_view> { return std::exchange(content, {}); };
  }
  std::string read(const std::string& name) const {
    std::ifstream file(folder_ / "root" / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  fs::path folder_;
};

ErrorCode code_of(const Result<>& result) { return result ? ErrorCode::internal : result.error().code(); }

TEST(CleanName, KeepsWhatStaysInside) {
  EXPECT_EQ(clean_name("a/b").value(), "a/b");
  EXPECT_EQ(clean_name("./a//./b/").value(), "a/b");
  EXPECT_EQ(clean_name("...").value(), "...");
  EXPECT_EQ(clean_name("./").value(), "");
  for (const std::string_view bad : {"/a", "..", "a/../b", "a/..", "../a"})
    EXPECT_FALSE(clean_name(bad)) << bad;
  EXPECT_FALSE(clean_name(std::string("a\0b", 3)));
  EXPECT_FALSE(clean_name(std::string(256, 'a')));
  EXPECT_TRUE(clean_name(std::string(255, 'a')));
}

TEST_F(TreeWriterTest, WritesAndReplaces) {
  TreeWriter to = writer();
  ASSERT_TRUE(to.file("a/b", {.mode = 04640}, text("one")));
  ASSERT_TRUE(to.file("a/b", {.mode = 0600}, text("two")));
  ASSERT_TRUE(to.hard_link("c", "a/b"));
  ASSERT_TRUE(to.symlink("link", {}, "/etc/passwd"));
  ASSERT_TRUE(to.file("link", {}, text("no link any more")));
  ASSERT_TRUE(to.folder("a", {.mode = 02711}));
  ASSERT_TRUE(to.finish());
  EXPECT_EQ(read("c"), "two");
  EXPECT_EQ(read("link"), "no link any more");
  EXPECT_EQ(fs::status(folder_ / "root/a").permissions(), fs::perms(0711));
  EXPECT_EQ(to.bytes(), 22U);
}

TEST_F(TreeWriterTest, NothingLeadsOut) {
  std::ofstream(folder_ / "outside") << "untouched";
  TreeWriter to = writer();
  EXPECT_EQ(code_of(to.symlink("up", {}, "../outside")), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(to.symlink("a/up", {}, "x/../../../outside")), ErrorCode::invalid_argument);
  ASSERT_TRUE(to.symlink("a/fine", {}, "../b"));
  ASSERT_TRUE(to.symlink("door", {}, folder_.string()));
  EXPECT_EQ(code_of(to.file("door/outside", {}, text("x"))), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(to.hard_link("mine", "door/outside")), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(to.whiteout("door/outside")), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(to.hard_link("none", "nothing")), ErrorCode::invalid_argument);
  // Not even where the way in was swapped for a link between two entries.
  ASSERT_TRUE(to.folder("swap", {.mode = 0777}));
  ASSERT_TRUE(to.folder("swap/in", {.mode = 0777}));
  fs::remove_all(folder_ / "root/swap");
  fs::create_symlink(folder_, folder_ / "root/swap");
  EXPECT_EQ(code_of(to.file("swap/outside", {}, text("x"))), ErrorCode::invalid_argument);
  ASSERT_TRUE(to.finish());
  std::ifstream outside(folder_ / "outside");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(outside), {}), "untouched");
  EXPECT_FALSE(fs::exists(folder_ / "in"));
}

TEST_F(TreeWriterTest, CountsBytesAndEntries) {
  TreeWriter few = writer({.bytes = 10, .entries = 3});
  ASSERT_TRUE(few.file("a", {}, text("12345")));
  EXPECT_EQ(code_of(few.file("b", {}, text("1234567"))), ErrorCode::too_large);
  TreeWriter many = writer({.bytes = 10, .entries = 3});
  EXPECT_EQ(code_of(many.file("w/x/y/z", {}, text(""))), ErrorCode::too_large);
}

TEST_F(TreeWriterTest, KeepsHoles) {
  const std::string path = folder_ / "sparse";
  const jail::Fd from(::open(path.c_str(), O_RDWR | O_CREAT, 0600));
  ASSERT_EQ(::pwrite(from.get(), "end", 3, 1 << 30), 3);
  ASSERT_EQ(::ftruncate(from.get(), 1LL << 40), 0);
  TreeWriter to = writer({.bytes = 1 << 20});
  ASSERT_TRUE(to.copy_file("sparse", {}, from.get(), {}));
  struct stat status{};
  ASSERT_EQ(::stat((folder_ / "root/sparse").c_str(), &status), 0);
  EXPECT_EQ(status.st_size, 1LL << 40);
  EXPECT_LT(status.st_blocks * 512, 1 << 20);
  const jail::Fd copy(::open((folder_ / "root/sparse").c_str(), O_RDONLY));
  std::array<char, 3> end{};
  ASSERT_EQ(::pread(copy.get(), end.data(), 3, 1 << 30), 3);
  EXPECT_EQ(std::string_view(end.data(), 3), "end");
}

}  // namespace
}  // namespace acloud::sandbox::images
