#include "base/error.h"

#include <gtest/gtest.h>

namespace acloud {
namespace {

TEST(Error, CodesMapToTheStatusAndExitCodeOfTheContract) {
  EXPECT_EQ(traits(ErrorCode::budget_exceeded).http_status, 402);
  EXPECT_EQ(traits(ErrorCode::budget_exceeded).exit_code, 5);
  EXPECT_EQ(traits(ErrorCode::not_found).http_status, 404);
  EXPECT_EQ(traits(ErrorCode::unavailable).http_status, 503);
  EXPECT_EQ(error_code("precondition_failed"), ErrorCode::precondition_failed);
  EXPECT_EQ(error_code("nonsense"), std::nullopt);
}

TEST(Error, KeepsDetailsApartForEachCopy) {
  const Error plain(ErrorCode::conflict, "taken");
  const Error with = Error(plain).with_detail("key", "a");
  EXPECT_TRUE(plain.details().empty());
  EXPECT_EQ(with.details().at("key"), "a");
}

Result<int> half(int n) {
  if (n % 2 != 0) return fail(ErrorCode::invalid_argument, "{} is odd", n);
  return n / 2;
}

Result<int> quarter(int n) {
  ACLOUD_TRY(const int first, half(n));
  ACLOUD_CHECK(half(first));
  return first / 2;
}

TEST(Error, TryReturnsTheFirstError) {
  EXPECT_EQ(quarter(8), 2);
  EXPECT_EQ(quarter(6).error().message(), "3 is odd");
}

TEST(Error, SystemErrorsSayWhatWasTried) {
  const auto error = fail_errno(ENOSPC, "write data.db").error();
  EXPECT_EQ(error.code(), ErrorCode::unavailable);
  EXPECT_EQ(error.message(), "write data.db: No space left on device");
}

}  // namespace
}  // namespace acloud
