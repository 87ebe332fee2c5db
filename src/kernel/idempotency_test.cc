#include "kernel/idempotency.h"

#include <gtest/gtest.h>

#include "kernel/instances.h"
#include "store/testing/databases.h"

namespace acloud::kernel {
namespace {

using namespace std::chrono_literals;

class IdempotencyTest : public store::testing::OnEachDatabase {
 protected:
  IdempotencyTest() : database_(open(all())) {}

  static std::vector<store::Migration> all() {
    std::vector<store::Migration> all = Instances::migrations();
    for (auto& each : Idempotency::migrations()) all.push_back(std::move(each));
    return all;
  }

  Idempotency instance(const std::string& name, bool exclusive = true) {
    return Idempotency(database_, clock_, name, exclusive);
  }
  Result<> complete_by(const Idempotency& server, const std::string& key, const std::string& reply) {
    return run(database_.write_durably([&server, key, reply](store::Transaction& tx) {
      return server.complete_in(tx, "w", key, reply, "");
    }));
  }
  void complete(const std::string& key, const std::string& reply) {
    ASSERT_TRUE(complete_by(instance("a"), key, reply));
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
  Instances life(database_, clock_, {.id = "dead", .place = "there"});
  ASSERT_TRUE(run(life.beat()));
  auto dead = instance("dead", false);
  ASSERT_TRUE(run(dead.claim("w", "k", "f")));
  auto beside = instance("beside", false);
  EXPECT_EQ(run(beside.claim("w", "k", "f")).error().code(), ErrorCode::conflict);
  clock_.advance(Instances::kLease - 1s);
  ASSERT_TRUE(run(life.beat()));
  clock_.advance(Instances::kLease - 1s);
  EXPECT_EQ(run(beside.claim("w", "k", "f")).error().code(), ErrorCode::conflict);
  clock_.advance(1s);
  EXPECT_TRUE(run(beside.claim("w", "k", "f")));
  auto alone = instance("alone");
  EXPECT_TRUE(run(alone.claim("w", "k", "f")));
}

TEST_P(IdempotencyTest, AServerWhoseClaimWasTakenCanNeitherSettleNorFreeIt) {
  auto slow = instance("slow", false);
  ASSERT_TRUE(run(slow.claim("w", "k", "f")));
  auto next = instance("next", false);
  ASSERT_TRUE(run(next.claim("w", "k", "f")));
  const auto late = complete_by(slow, "k", "{\"by\":\"slow\"}");
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), ErrorCode::conflict);
  ASSERT_TRUE(run(slow.release("w", "k")));
  ASSERT_TRUE(complete_by(next, "k", "{}"));
  EXPECT_EQ(run(slow.claim("w", "k", "f"))->earlier_reply, "{}");
}

TEST_P(IdempotencyTest, AServerThatStartsOnAPlaceEndsTheRunsBeforeItThere) {
  Instances before(database_, clock_, {.id = "before", .place = "here"});
  Instances elsewhere(database_, clock_, {.id = "elsewhere", .place = "there"});
  ASSERT_TRUE(run(before.start()));
  ASSERT_TRUE(run(elsewhere.start()));
  Instances now(database_, clock_, {.id = "now", .place = "here"});
  ASSERT_TRUE(run(now.start()));
  const auto alive = [&](const std::string& id) {
    return *run(database_.read([&, id](store::Reader& reader) -> Result<bool> {
      return Instances::is_alive(reader, id, clock_.now());
    }));
  };
  EXPECT_FALSE(alive("before"));
  EXPECT_TRUE(alive("elsewhere"));
  EXPECT_TRUE(alive("now"));
  ASSERT_TRUE(run(now.end()));
  EXPECT_FALSE(alive("now"));
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
