#include <gtest/gtest.h>

#include "task/approval/approval_service.h"

namespace acloud::task::approval {
namespace {

TEST(ApprovalId, IsReadAsItIsWritten) {
  const ApprovalId id{.task = "task_00c1d2e3f4a5b6c7d8e9", .attempt = 2, .step = 17};
  EXPECT_EQ(id.text(), "apr_00c1d2e3f4a5b6c7d8e9_2_17");
  const auto read = ApprovalId::parse(id.text());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->task, id.task);
  EXPECT_EQ(read->attempt, 2);
  EXPECT_EQ(read->step, 17);
}

TEST(ApprovalId, NothingElseIsOne) {
  for (const char* text : {"", "apr_", "apr_x", "apr_x_1", "apr__1_2", "apr_x_1_", "apr_x_1_2 ", "apr_x_-1_2",
                           "apr_x_1_-2", "apr_x_1_99999999999999999999", "task_x_1_2", "apr_x_1_0x2"})
    EXPECT_FALSE(ApprovalId::parse(text)) << text;
}

}  // namespace
}  // namespace acloud::task::approval
