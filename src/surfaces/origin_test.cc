#include "surfaces/origin.h"

#include <gtest/gtest.h>

namespace acloud::surfaces {
namespace {

TEST(Origin, IsTheHostThatTheClientNamed) {
  EXPECT_EQ(origin_of({{"Host", "cloud.example:8443"}}, false, "http://x"), "http://cloud.example:8443");
  EXPECT_EQ(origin_of({{"Host", "127.0.0.1:7300"}}, true, "http://x"), "https://127.0.0.1:7300");
  EXPECT_EQ(origin_of({{"Host", "[::1]:7300"}}, false, "http://x"), "http://[::1]:7300");
  EXPECT_EQ(origin_of({{"Host", "cloud.example"}, {"X-Forwarded-Proto", "https"}}, false, "http://x"),
            "https://cloud.example");
}

TEST(Origin, NeverCarriesWhatAShellOrAPageWouldObey) {
  for (const char* host :
       {"",         "-rf",    ".",        "a b",   "a;rm", "a$(id)", "a`id`",    "a'b", "a\"b",
        "<script>", "a/b",    "a@b",      "a\nb",  "a:",   "a:x",    "a:123456", "[",   "[]",
        "[::1",     "[::1]x", "[::1];id", "a:1:2", "a\\b", "a|b",    "a&b",      "a#b", "a%00"}) {
    EXPECT_FALSE(is_host(host)) << host;
    EXPECT_EQ(origin_of({{"Host", host}}, false, "http://127.0.0.1:1"), "http://127.0.0.1:1") << host;
  }
  EXPECT_FALSE(is_host(std::string(256, 'a')));
  EXPECT_EQ(origin_of({}, true, "https://own"), "https://own");
}

TEST(Origin, TakesNoOtherSchemeFromAProxy) {
  EXPECT_EQ(origin_of({{"Host", "h"}, {"X-Forwarded-Proto", "javascript"}}, false, "http://x"), "http://h");
}

}  // namespace
}  // namespace acloud::surfaces
