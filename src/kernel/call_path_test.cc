// What a call of a model leaves behind, whatever becomes of it.
#include "kernel/call_path.h"

#include <gtest/gtest.h>

#include <stop_token>

#include "async/wait.h"
#include "kernel/idempotency.h"
#include "kernel/records.h"
#include "kernel/spool.h"
#include "store/testing/databases.h"

namespace acloud::kernel {
namespace {

struct Ask {
  std::string then;  // what follows the use of tokens
  static constexpr auto schema = fields(
      field("then", &Ask::then, "reply, fail, commit or hang up; none: use no tokens; plain: hold nothing."));
};
struct Answer {
  static constexpr auto schema = fields();
};

class Models {
 public:
  Task<Result<Answer>> chat(Context& context, Ask ask) {
    if (ask.then == "plain") co_return Answer{};
    ACLOUD_CO_CHECK(co_await context.hold({.model = "m", .input = 10, .max_output = 20}));
    if (ask.then == "none") co_return Answer{};
    context.used({.model = "m", .provider = "p", .tokens = {.input_uncached = 10, .output = 5}});
    if (ask.then == "fail") co_return fail(ErrorCode::unavailable, "the provider hung up");
    if (ask.then == "hang up") {
      caller_.request_stop();
      ACLOUD_CO_CHECK(co_await async::sleep_for(std::chrono::hours(1)));
    }
    if (ask.then == "commit")
      ACLOUD_CO_CHECK(co_await context.commit([](store::Transaction&) { return Result<Answer>(); }));
    co_return Answer{};
  }
  std::stop_token caller() const { return caller_.get_token(); }

 private:
  std::stop_source caller_;  // who may go away in the middle
};

class NoKeys final : public Identities {
 public:
  Task<Result<Caller>> identify(const std::string&) override {
    co_return fail(ErrorCode::unauthenticated, "none");
  }
  Result<Caller> visit(std::string_view) override { return fail(ErrorCode::unauthenticated, "none"); }
};

class NoObserver final : public CallObserver {
 public:
  void finished(const CallRecord&) override {}
};

std::vector<store::Migration> migrations() {
  std::vector<store::Migration> all;
  for (auto part : {Idempotency::migrations(), Spool::migrations(), AuditTable::migrations(),
                    ledger::Ledger::migrations()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

class CallPathTest : public store::testing::OnEachDatabase {
 protected:
  CallPathTest() {
    auto& model = catalog_.add("model", "");
    model.operation<Ask, Answer>("chat").effect(Effect::spend).handler(models_, &Models::chat);
    // By its effect a read, which would leave no durable record.
    model.operation<Ask, Answer>("embed").handler(models_, &Models::chat);
  }

  Result<Reply> chat(const std::string& then, const std::string& request_id) {
    return run(execute("model.chat", then, request_id));
  }
  Task<Result<Reply>> execute(std::string operation, std::string then, std::string request_id) {
    const Caller caller{.workspace = "w", .principal = "root", .key = "key_1"};
    Call call{.request_id = std::move(request_id),
              .operation = std::move(operation),
              .arguments = {{"then", then}}};
    Gate gate;
    auto reply = co_await path_.execute(caller, call, gate).with_stop(models_.caller());
    ACLOUD_CO_CHECK(co_await gate.wait());
    co_return reply;
  }

  std::int64_t number(const std::string& sql) {
    const auto rows = run(database_.query(sql));
    return rows.value().at(0).integer(0);
  }

  SystemClock clock_;
  SeededRandom random_{1};
  store::Database& database_ = open(migrations());
  store::testing::TemporaryFolder folder_;
  Catalog catalog_;
  Models models_;
  NoKeys keys_;
  NoObserver observer_;
  GrantAuthorizer authorizer_{clock_};
  std::unique_ptr<ledger::OpenCalls> calls_ = *ledger::OpenCalls::open(folder_.path() + "/calls", "one");
  ledger::Ledger ledger_{{.database = database_,
                          .clock = clock_,
                          .calls = *calls_,
                          .instance = "one",
                          .shared = !on_sqlite(),
                          .witness = {}}};
  CallLedger usage_{ledger_};
  AuditTable audit_{"one"};
  Idempotency idempotency_{database_, clock_, "one", true};
  std::unique_ptr<Spool> spool_ = *Spool::open(folder_.path(), "one");
  CallPath path_{{.catalog = catalog_,
                  .identities = keys_,
                  .authorizer = authorizer_,
                  .ledger = usage_,
                  .audit = audit_,
                  .idempotency = idempotency_,
                  .spool = *spool_,
                  .observer = observer_,
                  .database = database_,
                  .clock = clock_,
                  .random = random_}};
};

TEST_P(CallPathTest, ACallWithTokensHasOneRecordHoweverItEnds) {
  EXPECT_TRUE(chat("reply", "r1"));
  EXPECT_EQ(chat("fail", "r2").error().code(), ErrorCode::unavailable);
  EXPECT_TRUE(chat("commit", "r3"));
  EXPECT_TRUE(run(execute("model.embed", "reply", "r4")));
  EXPECT_EQ(chat("hang up", "r5").error().code(), ErrorCode::cancelled);
  EXPECT_EQ(number("SELECT COUNT(*) FROM audit"), 5);
  EXPECT_EQ(number("SELECT COUNT(*) FROM usage_calls WHERE provider = 'p' AND output = 5"), 5);
  EXPECT_EQ(number("SELECT CAST(SUM(input_uncached) AS BIGINT) FROM usage_totals WHERE model = 'm'"), 50);
  EXPECT_EQ(number("SELECT COUNT(*) FROM usage_calls WHERE outcome = 'cancelled'"), 1);
}

TEST_P(CallPathTest, ACallThatHeldAndUsedNothingIsRecordedAndOwesNothing) {
  EXPECT_TRUE(chat("none", "r1"));
  EXPECT_EQ(number("SELECT COUNT(*) FROM audit"), 1);
  EXPECT_EQ(number("SELECT COUNT(*) FROM usage_calls"), 0);
  EXPECT_EQ(calls_->in_use(), 0U);
}

TEST_P(CallPathTest, ACallThatUsesNoModelGoesTheWayOfReads) {
  EXPECT_TRUE(run(execute("model.embed", "plain", "r1")));
  EXPECT_EQ(number("SELECT COUNT(*) FROM audit"), 0);
  ASSERT_TRUE(
      run(spool_->drain(database_, [this](store::Transaction& tx, std::span<const CallRecord> records) {
        return usage_.settle_in(tx, records);
      })));
  EXPECT_EQ(number("SELECT calls FROM usage_totals WHERE operation = 'model.embed'"), 1);
}

INSTANTIATE_TEST_SUITE_P(Databases, CallPathTest, store::testing::each_database(), store::testing::name_of);

}  // namespace
}  // namespace acloud::kernel
