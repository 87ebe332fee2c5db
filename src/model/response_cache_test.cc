#include "model/response_cache.h"

#include <gtest/gtest.h>

namespace acloud::model {
namespace {

using namespace std::chrono_literals;
const Instant kNow{1h};

kernel::Payload payload(std::string body) {
  kernel::Payload made;
  made.form = "openai.chat_completions";
  made.body = net::ReplayBody(std::move(body));
  return made;
}

TEST(ResponseCache, TellsWorkspacesAndRequestsApart) {
  const std::string key = ResponseCache::key_of("a", payload("{}"));
  EXPECT_EQ(key, ResponseCache::key_of("a", payload("{}")));
  EXPECT_NE(key, ResponseCache::key_of("b", payload("{}")));
  EXPECT_NE(key, ResponseCache::key_of("a", payload("{ }")));
  auto with_header = payload("{}");
  with_header.headers.add("anthropic-beta", "x");
  EXPECT_NE(key, ResponseCache::key_of("a", with_header));
}

TEST(ResponseCache, ForgetsWhatIsOld) {
  ResponseCache cache;
  cache.put("k", {"application/json", "v"}, kNow + 5s);
  EXPECT_EQ(cache.find("k", kNow + 4s)->bytes, "v");
  EXPECT_EQ(cache.find("k", kNow + 5s), std::nullopt);
  EXPECT_EQ(cache.find("k", kNow), std::nullopt);
}

TEST(ResponseCache, GivesUpWhatWasUsedLongestAgo) {
  ResponseCache cache(30);
  for (const char* key : {"a", "b", "c"}) cache.put(key, {"", std::string(8, 'x')}, kNow + 1h);
  EXPECT_TRUE(cache.find("a", kNow));
  cache.put("d", {"", std::string(8, 'x')}, kNow + 1h);
  EXPECT_TRUE(cache.find("a", kNow));
  EXPECT_FALSE(cache.find("b", kNow));
  cache.put("a", {"", "short"}, kNow + 1h);
  EXPECT_EQ(cache.find("a", kNow)->bytes, "short");
  EXPECT_TRUE(cache.find("c", kNow));
  EXPECT_TRUE(cache.find("d", kNow));
}

}  // namespace
}  // namespace acloud::model
