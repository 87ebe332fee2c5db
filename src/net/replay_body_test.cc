#include "net/replay_body.h"

#include <gtest/gtest.h>

#include "async/event_loop.h"

namespace acloud::net {
namespace {

class Repeated final : public Stream {
 public:
  explicit Repeated(int pieces) : left_(pieces) {}
  Task<Result<std::string>> read() override {
    if (left_ == 0) co_return "";
    co_return std::string(1000, static_cast<char>('a' + --left_ % 26));
  }

 private:
  int left_;
};

struct Taken {
  Result<ReplayBody> body;
  std::string seen;
};

Taken take(int pieces, ReplayBody::Options options) {
  async::EventLoop loop;
  std::string seen;
  Body body(std::make_unique<Repeated>(pieces));
  auto taken = loop.run_until_done(ReplayBody::take(body, options, [&](std::string_view piece) -> Result<> {
    seen += piece;
    return {};
  }));
  return {std::move(taken), std::move(seen)};
}

std::string read(Body body) {
  async::EventLoop loop;
  return *loop.run_until_done(body.read_all(std::size_t{1} << 30));
}

class ReplayBodyTest : public ::testing::TestWithParam<std::size_t> {
 protected:
  async::BlockingPool pool_{"replay", 1};
};

TEST_P(ReplayBodyTest, IsSentAgainAndWithEdits) {
  const auto [body, seen] =
      take(2000, {.in_memory = GetParam(), .folder = ::testing::TempDir(), .files = &pool_});
  ASSERT_TRUE(body) << body.error().message();
  EXPECT_EQ(body->size(), seen.size());
  EXPECT_EQ(body->in_memory(), GetParam() > seen.size());
  EXPECT_EQ(read(body->edited({})), seen);
  std::string wanted = seen;
  wanted.replace(1'500'000, 10, "<two>").replace(0, 3, "<one>") += "<end>";
  const Body edited =
      body->edited({{0, 3, "<one>"}, {1'500'000, 1'500'010, "<two>"}, {seen.size(), seen.size(), "<end>"}});
  EXPECT_EQ(edited.length(), wanted.size());
  EXPECT_EQ(read(body->edited(
                {{0, 3, "<one>"}, {1'500'000, 1'500'010, "<two>"}, {seen.size(), seen.size(), "<end>"}})),
            wanted);
}

INSTANTIATE_TEST_SUITE_P(MemoryAndFile, ReplayBodyTest, ::testing::Values(4096, 64 << 20));

TEST_F(ReplayBodyTest, KeepsItsLimit) {
  const auto [body, seen] = take(100, {.at_most = 50'000, .folder = ::testing::TempDir(), .files = &pool_});
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().code(), ErrorCode::too_large);
  EXPECT_LE(seen.size(), 50'000u);
}

}  // namespace
}  // namespace acloud::net
