#include "kernel/records.h"

#include <gtest/gtest.h>

#include "store/testing/databases.h"

namespace acloud::kernel {
namespace {

class AuditTableTest : public store::testing::OnEachDatabase {};
INSTANTIATE_TEST_SUITE_P(Databases, AuditTableTest, store::testing::each_database(), store::testing::name_of);

CallRecord numbered(int i) {
  return {.request_id = fmt::format("req_{:03}", i),
          .started = Time{std::chrono::microseconds(1'000 + i)},
          .took_us = i,
          .workspace = fmt::format("workspace-{}", i),
          .principal = fmt::format("principal-{}", i),
          .key = fmt::format("key-{}", i),
          .operation = fmt::format("operation-{}", i),
          .effect = fmt::format("effect-{}", i),
          .resource = fmt::format("resource-{}", i),
          .outcome = fmt::format("outcome-{}", i),
          .charges = {}};
}

// More than one statement takes, and not a whole number of them.
TEST_P(AuditTableTest, KeepsEachRecordWhole) {
  constexpr int kRecords = 37;
  store::Database& database = open(AuditTable::migrations());
  AuditTable table("instance");
  std::vector<CallRecord> records;
  for (int i = 0; i < kRecords; ++i) records.push_back(numbered(i));
  ASSERT_TRUE(run(database.write_durably(
      [&](store::Transaction& tx) -> Result<> { return table.record_in(tx, records); })));

  const auto rows = run(
      database.query("SELECT request_id, started, took_us, workspace, principal, key_id, operation, effect, "
                     "resource, outcome, instance FROM audit ORDER BY request_id"));
  ASSERT_TRUE(rows);
  ASSERT_EQ(std::ssize(*rows), kRecords);
  for (int i = 0; i < kRecords; ++i) {
    const store::Row& row = rows->at(static_cast<std::size_t>(i));
    const CallRecord wanted = numbered(i);
    EXPECT_EQ(row.text(0), wanted.request_id);
    EXPECT_EQ(row.time(1), wanted.started);
    EXPECT_EQ(row.integer(2), wanted.took_us);
    EXPECT_EQ(row.text(3), wanted.workspace);
    EXPECT_EQ(row.text(4), wanted.principal);
    EXPECT_EQ(row.text(5), wanted.key);
    EXPECT_EQ(row.text(6), wanted.operation);
    EXPECT_EQ(row.text(7), wanted.effect);
    EXPECT_EQ(row.bytes(8), wanted.resource);
    EXPECT_EQ(row.text(9), wanted.outcome);
    EXPECT_EQ(row.text(10), "instance");
  }
}

}  // namespace
}  // namespace acloud::kernel
