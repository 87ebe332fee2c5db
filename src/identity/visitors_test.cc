#include "identity/visitors.h"

#include <gtest/gtest.h>

namespace acloud::identity {
namespace {

TEST(AddressOf, IsWhatOneVisitorCanNotChange) {
  EXPECT_EQ(address_of("203.0.113.7:1234").value(), "203.0.113.7");
  EXPECT_EQ(address_of("[::ffff:203.0.113.7]:1234").value(), "203.0.113.7");
  EXPECT_EQ(address_of("[2001:db8:1:2:3:4:5:6]:1234").value(), "2001:db8:1:2::/64");
  EXPECT_EQ(address_of("[2001:db8:1:2:ffff::1]:9").value(), "2001:db8:1:2::/64");
  EXPECT_EQ(address_of("").value(), "local");
}

TEST(AddressOf, NobodyComesFromInsideOfASandbox) {
  for (const char* peer : {"sbx_00c1d2e3f4a5b6c7d8e9", "sbx_1:2", "999.1.1.1:1", "[::zz]:1"}) {
    const auto address = address_of(peer);
    ASSERT_FALSE(address) << peer;
    EXPECT_EQ(address.error().code(), ErrorCode::permission_denied);
  }
}

TEST(Visitors, OneIsRefusedBeforeAnotherIs) {
  ManualClock clock;
  Visitors visitors(clock);
  for (std::size_t i = 0; i < Visitors::kMostOfOne; ++i) ASSERT_TRUE(visitors.admit("203.0.113.7"));
  clock.advance(std::chrono::seconds(20));
  const auto refused = visitors.admit("203.0.113.7");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::rate_limited);
  EXPECT_EQ(refused.error().retry_after(), std::chrono::seconds(40));
  EXPECT_TRUE(visitors.admit("203.0.113.8"));
  clock.advance(std::chrono::seconds(40));
  EXPECT_TRUE(visitors.admit("203.0.113.7"));
}

TEST(Visitors, AllTogetherAreBounded) {
  ManualClock clock;
  Visitors visitors(clock);
  for (std::size_t i = 0; i < Visitors::kMostOfAll; ++i) ASSERT_TRUE(visitors.admit(std::to_string(i)));
  EXPECT_FALSE(visitors.admit("one more"));
  clock.advance(Visitors::kWindow);
  EXPECT_TRUE(visitors.admit("one more"));
}

}  // namespace
}  // namespace acloud::identity
