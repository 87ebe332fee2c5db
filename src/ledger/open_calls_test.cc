#include "ledger/open_calls.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "store/testing/databases.h"

namespace acloud::ledger {
namespace {

class OpenCallsTest : public ::testing::Test {
 protected:
  std::unique_ptr<OpenCalls> open(const std::string& instance) {
    return *OpenCalls::open(folder_.path(), instance);
  }
  static StoredCall call(int i, std::int64_t output = 0) {
    return {.request_id = fmt::format("r{}", i),
            .workspace = "w",
            .key = "k",
            .principal = "p",
            .operation = "model.chat",
            .charges = {{.model = "m", .tokens = {.output = output}}}};
  }
  // What a server finds of the runs before it.
  std::vector<StoredCall> found() {
    std::vector<StoredCall> all;
    const auto next = open("next");
    const auto files = next->earlier_files().value();
    for (const std::string& file : files) {
      for (StoredCall& call : next->read(file).value()) all.push_back(std::move(call));
    }
    return all;
  }

  store::testing::TemporaryFolder folder_;
};

TEST_F(OpenCallsTest, WhatIsOpenIsFoundAsItWasNotedLast) {
  {
    const auto killed = open("killed");
    const auto first = killed->take(call(1));
    const auto second = killed->take(call(2));
    killed->take(call(3));
    for (int i = 1; i <= 5; ++i) killed->note(first, call(1, i));
    killed->free(second);
  }
  const auto left = found();
  ASSERT_EQ(left.size(), 2U);
  EXPECT_EQ(encode(left[0]), encode(call(1, 5)));
  EXPECT_EQ(left[1].request_id, "r3");
}

TEST_F(OpenCallsTest, NothingOpenLeavesNoFile) {
  {
    const auto calls = open("one");
    calls->free(calls->take(call(1)));
    EXPECT_EQ(calls->in_use(), 0U);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(OpenCallsTest, MoreThanAFileHolds) {
  constexpr int kMany = 600;
  {
    const auto killed = open("killed");
    for (int i = 0; i < kMany; ++i) ASSERT_NE(killed->take(call(i)), OpenCalls::kNone);
  }
  EXPECT_EQ(found().size(), static_cast<std::size_t>(kMany));
}

// A kill in the middle of a note: whatever of it was written, the call is found as it was before, or after.
TEST_F(OpenCallsTest, ATornNoteLeavesTheOneBefore) {
  {
    const auto killed = open("killed");
    const auto slot = killed->take(call(1, 100));
    killed->note(slot, call(1, 200));
  }
  std::string path;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) path = entry.path();
  std::ifstream in(path, std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  const auto newer = whole.find("200");
  ASSERT_NE(newer, whole.npos);
  for (const std::size_t torn : {newer, newer - 20, newer - 60}) {
    std::string bytes = whole;
    bytes[torn] = '#';
    std::ofstream(path, std::ios::binary) << bytes;
    const auto left = found();
    ASSERT_EQ(left.size(), 1U);
    EXPECT_EQ(left[0].charges.at(0).tokens.output, 100);
  }
}

TEST_F(OpenCallsTest, ACallThatIsTooLargeHasNoSlot) {
  const auto calls = open("one");
  StoredCall large = call(1);
  large.principal = std::string(5000, 'p');
  EXPECT_EQ(calls->take(large), OpenCalls::kNone);
  calls->note(OpenCalls::kNone, large);
  calls->free(OpenCalls::kNone);
  EXPECT_EQ(calls->in_use(), 0U);
}

TEST_F(OpenCallsTest, WhatCouldNotBeKeptIsGivenOnce) {
  const auto calls = open("one");
  const auto kept = calls->take(call(1));
  const auto failed = calls->take(call(2));
  calls->free_after(kept, store::Commit());
  calls->keep_later(failed);
  EXPECT_EQ(calls->in_use(), 1U);
  const auto unkept = calls->unkept();
  ASSERT_EQ(unkept.size(), 1U);
  EXPECT_EQ(unkept[0].call.request_id, "r2");
  EXPECT_TRUE(calls->unkept().empty());
  calls->free(unkept[0].slot);
  EXPECT_EQ(calls->in_use(), 0U);
}

}  // namespace
}  // namespace acloud::ledger
