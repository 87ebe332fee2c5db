#include "kernel/idempotency.h"

#include <gtest/gtest.h>

#include "store/testing/databases.h"

namespace acloud::kernel {
namespace {

using namespace std::chrono_literals;

class IdempotencyTest : public store::testing::OnEachDatabase {
 protected:
  IdempotencyTest() : database_(open(Idempotency::migrations())) {}

  Idempotency instance(const std::string& name, bool exclusive = true) {
    return Idempotency(database_, clock_, name, exclusive);
  }
  void complete(const std::string& key, const std::string& reply) {
    ASSERT_TRUE(run(database_.write_durably(
        [key, reply](store::Transaction& tx) { return Idempotency::complete_in(tx, "w", key, reply, ""); })));
  }

  ManualClock clock_;
  store::Database& database_;
};

TEST_P(IdempotencyTest, GivesTheFirstReplyAgain) {
  auto server = instance("a");
  EXPECT_EQ(run(server.claim("w", "k", "f"))->earlier_reply, std::nullopt);
  complete("k", "{}");
  EXPECT_EQ(run(server.claim("w", "k", "f"))->earlier_reply, "{}");
  EXPECT_EQ(run(server.claim("other", "k", "g"))->earlier_reply, std::nullopt);
}

TEST_P(IdempotencyTest, OneKeyIsOneRequest) {
  auto server = instance("a");
  ASSERT_TRUE(run(server.claim("w", "k", "f")));
  EXPECT_EQ(run(server.claim("w", "k", "g")).error().code(), ErrorCode::conflict);
  const auto running = run(server.claim("w", "k", "f")).error();
  EXPECT_EQ(running.code(), ErrorCode::conflict);
  EXPECT_TRUE(running.retry_after());
  EXPECT_EQ(run(server.claim("w", std::string(256, 'k'), "f")).error().code(), ErrorCode::invalid_argument);
}

TEST_P(IdempotencyTest, AFailedCallFreesItsKeyAndADoneOneDoesNot) {
  auto server = instance("a");
  ASSERT_TRUE(run(server.claim("w", "k", "f")));
  ASSERT_TRUE(run(server.release("w", "k")));
  ASSERT_TRUE(run(server.claim("w", "k", "g")));
  complete("k", "{}");
  ASSERT_TRUE(run(server.release("w", "k")));
  EXPECT_EQ(run(server.claim("w", "k", "g"))->earlier_reply, "{}");
}

TEST_P(IdempotencyTest, AClaimOfADeadServerIsFreeAtOnceOrAfterItsLease) {
  auto dead = instance("dead");
  ASSERT_TRUE(run(dead.claim("w", "k", "f")));
  auto beside = instance("beside", false);
  EXPECT_EQ(run(beside.claim("w", "k", "f")).error().code(), ErrorCode::conflict);
  clock_.advance(Idempotency::kLease);
  EXPECT_TRUE(run(beside.claim("w", "k", "f")));
  auto alone = instance("alone");
  EXPECT_TRUE(run(alone.claim("w", "k", "f")));
}

TEST_P(IdempotencyTest, KeysAreKeptADay) {
  auto server = instance("a");
  ASSERT_TRUE(run(server.claim("w", "k", "f")));
  complete("k", "{}");
  clock_.advance(Idempotency::kKept - 1s);
  ASSERT_TRUE(run(server.sweep()));
  EXPECT_EQ(run(server.claim("w", "k", "f"))->earlier_reply, "{}");
  clock_.advance(2s);
  EXPECT_EQ(run(server.claim("w", "k", "g"))->earlier_reply, std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Databases, IdempotencyTest, store::testing::each_database(),
                         store::testing::name_of);

}  // namespace
}  // namespace acloud::kernel
