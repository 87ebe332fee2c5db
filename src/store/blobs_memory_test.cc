// Memory that a large value costs, on the machine's own disk.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/encoding.h"
#include "store/blobs.h"

namespace acloud::store {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

// The peak of this process's memory since the last forget_peak(), in bytes.
std::uint64_t peak() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) * 1024;
  }
  return 0;
}
void forget_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

class Endless final : public net::Stream {
 public:
  explicit Endless(std::uint64_t bytes) : left_(bytes) {}
  Task<Result<std::string>> read() override {
    const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(left_, 64 * 1024));
    left_ -= take;
    co_return std::string(take, static_cast<char>(left_ >> 16));
  }

 private:
  std::uint64_t left_;
};

Task<Result<std::uint64_t>> read_all(Blobs& blobs, std::string digest) {
  ACLOUD_CO_TRY(auto stream, co_await blobs.get(std::move(digest)));
  std::uint64_t size = 0;
  for (;;) {
    ACLOUD_CO_TRY(const std::string piece, co_await stream->read());
    if (piece.empty()) co_return size;
    size += piece.size();
  }
}

TEST(BlobsMemory, DoesNotGrowWithTheValue) {
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  GTEST_SKIP() << "a sanitizer keeps freed memory";
#endif
  const std::uint64_t size = (std::getenv("ACLOUD_SOAK") ? 1024 : 256) * kMiB;
  std::string folder = (std::filesystem::temp_directory_path() / "acloud-blobs-XXXXXX").string();
  ASSERT_TRUE(mkdtemp(folder.data()));
  {
    SystemClock clock;
    async::EventLoop loop;
    async::BlockingPool pool("blobs", 2);
    const auto disk = system_disk();
    const auto blobs = Blobs::open(*disk, folder, clock, pool).value();
    forget_peak();
    const std::uint64_t before = peak();
    net::Body body(std::make_unique<Endless>(size));
    const auto info = loop.run_until_done(blobs->put(body, size));
    ASSERT_TRUE(info) << info.error().message();
    EXPECT_EQ(loop.run_until_done(read_all(*blobs, info->digest)).value(), size);
    const std::uint64_t grown = peak() - before;
    fmt::print("{} MiB put and read: memory grew by {:.1f} MiB\n", size / kMiB,
               static_cast<double>(grown) / static_cast<double>(kMiB));
    EXPECT_LE(grown, 16 * kMiB);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace acloud::store
