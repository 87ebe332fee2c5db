#include "sandbox/output_log.h"

#include <gtest/gtest.h>

#include "async/event_loop.h"
#include "async/task_scope.h"

namespace acloud::sandbox {
namespace {

class OutputLogTest : public testing::Test {
 protected:
  bool take(OutputLog& log, std::string bytes) {
    return loop_.run_until_done(log.take(Source::out, std::move(bytes)));
  }
  // All that is there up to the end.
  std::string read(OutputLog::Reader& reader) { return loop_.run_until_done(read_all(reader)); }
  static Task<std::string> read_all(OutputLog::Reader& reader) {
    std::string text;
    for (;;) {
      const auto piece = co_await reader.next();
      if (!piece || !*piece) co_return text;
      text += (*piece)->bytes;
    }
  }
  static Task<std::string> write_while_read(OutputLog& log, OutputLog::Reader& reader) {
    async::TaskScope scope;
    scope.spawn(write_many(log));
    std::string text = co_await read_all(reader);
    co_await scope.join();
    co_return text;
  }
  static Task<> write_many(OutputLog& log) {
    for (int i = 0; i < 100; ++i)
      (void)co_await log.take(i % 2 ? Source::err : Source::out, fmt::format("{:02} ", i));
    log.finish();
  }

  async::EventLoop loop_;
};

TEST_F(OutputLogTest, KeepsTheEndOfWhatNobodyReads) {
  OutputLog log(10);
  for (const char* bytes : {"aaaa", "bbbb", "cccc"}) EXPECT_TRUE(take(log, bytes));
  EXPECT_TRUE(log.cut());
  OutputLog::Reader all(log, true), from_now(log, false);
  log.finish();
  EXPECT_EQ(read(all), "bbbbcccc");
  EXPECT_EQ(read(from_now), "");
}

TEST_F(OutputLogTest, TakesOnePieceOfAnySize) {
  OutputLog log(10);
  EXPECT_TRUE(take(log, "small"));
  EXPECT_TRUE(take(log, std::string(100, 'x')));
  log.finish();
  OutputLog::Reader reader(log, true);
  EXPECT_EQ(read(reader), std::string(100, 'x'));
}

TEST_F(OutputLogTest, LosesNothingForOneWhoReads) {
  OutputLog log(10);
  OutputLog::Reader reader(log, true);
  const std::string text = loop_.run_until_done(write_while_read(log, reader));
  std::string wanted;
  for (int i = 0; i < 100; ++i) wanted += fmt::format("{:02} ", i);
  EXPECT_EQ(text, wanted);
}

TEST_F(OutputLogTest, GoesOnWhenTheReaderGoes) {
  OutputLog log(10);
  auto reader = std::make_unique<OutputLog::Reader>(log, true);
  EXPECT_TRUE(take(log, "0123456789"));
  reader.reset();
  EXPECT_TRUE(take(log, "abc"));
  EXPECT_TRUE(log.cut());
}

}  // namespace
}  // namespace acloud::sandbox
