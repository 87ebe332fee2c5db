#include "kernel/grant.h"

#include <gtest/gtest.h>

namespace acloud::kernel {
namespace {

using namespace std::chrono_literals;

TEST(Grant, PatternsMatchWholeNames) {
  EXPECT_TRUE(matches("object.*", "object.get"));
  EXPECT_TRUE(matches("*", ""));
  EXPECT_TRUE(matches("a*b*c", "aXbYbZc"));
  EXPECT_TRUE(matches("bucket/logs-*", "bucket/logs-"));
  EXPECT_FALSE(matches("object.get", "object.get_all"));
  EXPECT_FALSE(matches("object.*", "objects.get"));
  EXPECT_FALSE(matches("", "x"));
  EXPECT_FALSE(matches("*b", "abc"));
}

// A pattern of many stars on a long name must not take longer than their product.
TEST(Grant, HostilePatternsEndSoon) {
  std::string pattern;
  for (int i = 0; i < 1000; ++i) pattern += "a*";
  EXPECT_FALSE(matches(pattern + "b", std::string(100'000, 'a')));
}

class GrantTest : public testing::Test {
 protected:
  static ErrorCode outcome(const std::vector<Grant>& grants, std::string_view operation,
                           std::string_view resource) {
    const Caller caller{.workspace = "w", .principal = "p", .key = "key_1", .grants = grants};
    const auto checked = check_grants(caller, operation, resource, Time{1h});
    return checked ? ErrorCode::internal : checked.error().code();
  }
  static constexpr ErrorCode kAllowed = ErrorCode::internal;  // no grant ever gives it
};

TEST_F(GrantTest, EveryGrantOfTheChainMustAllow) {
  const Grant objects{.operations = {"object.*"}};
  const Grant reads{.operations = {"*.get", "*.list"}};
  EXPECT_EQ(outcome({}, "object.put", ""), kAllowed);
  EXPECT_EQ(outcome({objects}, "object.put", ""), kAllowed);
  EXPECT_EQ(outcome({objects, reads}, "object.get", ""), kAllowed);
  EXPECT_EQ(outcome({objects, reads}, "object.put", ""), ErrorCode::permission_denied);
  EXPECT_EQ(outcome({reads, objects}, "sandbox.get", ""), ErrorCode::permission_denied);
}

TEST_F(GrantTest, AGrantOfResourcesRefusesWhatNamesNone) {
  const Grant logs{.resources = {"bucket/logs"}};
  EXPECT_EQ(outcome({logs}, "object.get", "bucket/logs"), kAllowed);
  EXPECT_EQ(outcome({logs}, "object.get", "bucket/logs2"), ErrorCode::permission_denied);
  EXPECT_EQ(outcome({logs}, "object.list_buckets", ""), ErrorCode::permission_denied);
}

TEST_F(GrantTest, AnExpiredGrantEndsTheKey) {
  EXPECT_EQ(outcome({Grant{.expires = Time{1h}}}, "object.get", ""), ErrorCode::unauthenticated);
  EXPECT_EQ(outcome({Grant{.expires = Time{61min}}}, "object.get", ""), kAllowed);
}

TEST_F(GrantTest, WhatNoRequestCanBeAllowedNeedNotBeShown) {
  Caller caller{.workspace = "w", .principal = "p", .key = "k", .grants = {{.operations = {"object.*"}}}};
  EXPECT_TRUE(may_allow(caller, "object.put", Time{}));
  EXPECT_FALSE(may_allow(caller, "sandbox.exec", Time{}));
  caller.grants.push_back({.operations = {"*.get"}, .resources = {"bucket/a"}});
  EXPECT_TRUE(may_allow(caller, "object.get", Time{}));
  EXPECT_FALSE(may_allow(caller, "object.put", Time{}));
  caller.grants.push_back({.expires = Time{1h}});
  EXPECT_TRUE(may_allow(caller, "object.get", Time{59min}));
  EXPECT_FALSE(may_allow(caller, "object.get", Time{1h}));
}

}  // namespace
}  // namespace acloud::kernel
