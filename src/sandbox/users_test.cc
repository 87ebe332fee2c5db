#include "sandbox/users.h"

#include <gtest/gtest.h>

namespace acloud::sandbox {
namespace {

constexpr std::string_view kFile =
    "root:x:0:0:root:/root:/bin/bash\n"
    "broken\n"
    "far:x:70000:1:far:/:/bin/sh\n"
    "no home:x:7:7:::\n"
    "user:x:1000:1001:user:/home/user:/bin/bash";

TEST(Users, AreFoundByNameAndByNumber) {
  const auto user = find_user(kFile, "user");
  ASSERT_TRUE(user);
  EXPECT_EQ(user->uid, 1000u);
  EXPECT_EQ(user->gid, 1001u);
  EXPECT_EQ(user->home, "/home/user");
  EXPECT_EQ(find_user(kFile, "1000")->name, "user");
  EXPECT_EQ(find_user(kFile, "5")->home, "/") << "a number needs no entry";
}

TEST(Users, OfOtherMakingAreNot) {
  for (const char* name : {"nobody-knows", "broken", "far", "no home", "", "70000", "-1", "use"})
    EXPECT_EQ(find_user(kFile, name).error().code(), ErrorCode::not_found) << name;
  EXPECT_FALSE(find_user("", "user"));
}

}  // namespace
}  // namespace acloud::sandbox
