#include "task/trigger/signature.h"

#include <gtest/gtest.h>

#include "base/encoding.h"

namespace acloud::task::trigger {
namespace {

using std::chrono::seconds;

TEST(Signature, HmacIsThatOfRfc4231) {
  EXPECT_EQ(to_hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(
      to_hex(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

// The example of the specification of Standard Webhooks.
struct Standard {
  std::string secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  std::string body = R"({"test": 2432232314})";
  std::string signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
  std::string id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
  std::string stamp = "1614265330";
  Time now{seconds(1614265330)};

  Result<std::string> check() const {
    return check_signature(
        secret, {{"webhook-id", id}, {"webhook-timestamp", stamp}, {"webhook-signature", signature}}, body,
        now);
  }
};

TEST(Signature, TakesStandardWebhooks) {
  EXPECT_EQ(Standard().check().value(), "msg_p5jXN8AQM9LWM0D4loKWxJek");
  Standard several;
  several.signature = "v1,AAAA " + several.signature + " v2,x";
  EXPECT_TRUE(several.check());
  for (const int minutes : {-6, 6}) {
    Standard late;
    late.now += std::chrono::minutes(minutes);
    EXPECT_EQ(late.check().error().code(), ErrorCode::unauthenticated) << minutes;
  }
  Standard other;
  other.body += " ";
  EXPECT_FALSE(other.check());
  other = {};
  other.id = "msg_other";
  EXPECT_FALSE(other.check());
  other = {};
  other.secret = "whsec_AAAA9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  EXPECT_FALSE(other.check());
  for (const char* stamp : {"", "x", "1614265330x", "-1", "99999999999999999999"}) {
    other = {};
    other.stamp = stamp;
    EXPECT_FALSE(other.check()) << stamp;
  }
}

TEST(Signature, TakesGithubs) {
  const auto check = [](const std::string& signature, const std::string& body = "Hello, World!") {
    return check_signature("It's a Secret to Everybody",
                           {{"X-Hub-Signature-256", signature}, {"X-GitHub-Delivery", "72d3162e"}}, body,
                           Time{});
  };
  const std::string good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
  EXPECT_EQ(check(good).value(), "72d3162e");
  EXPECT_FALSE(check(good, "Hello, World?"));
  EXPECT_FALSE(check("sha256="));
  EXPECT_FALSE(check(good.substr(7)));
}

TEST(Signature, WhatIsNotSignedIsRefused) {
  EXPECT_EQ(check_signature("secret", {}, "", Time{}).error().code(), ErrorCode::unauthenticated);
  EXPECT_FALSE(check_signature("secret", {{"webhook-signature", ""}}, "", Time{}));
}

}  // namespace
}  // namespace acloud::task::trigger
