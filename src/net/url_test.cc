#include <gtest/gtest.h>

#include "net/client.h"

namespace acloud::net {
namespace {

Url parsed(std::string_view text) {
  auto url = parse_url(text);
  EXPECT_TRUE(url) << text << ": " << (url ? "" : url.error().message());
  return url.value_or(Url{});
}

TEST(Url, HasOriginAndTarget) {
  EXPECT_EQ(parsed("http://example.org/a?b=c").origin, (Origin{"http", "example.org", 80}));
  EXPECT_EQ(parsed("http://example.org/a?b=c").target, "/a?b=c");
  EXPECT_EQ(parsed("https://Example.ORG:8443").origin, (Origin{"https", "example.org", 8443}));
  EXPECT_EQ(parsed("https://example.org").target, "/");
  EXPECT_EQ(parsed("http://example.org?q=1").target, "/?q=1");
  EXPECT_EQ(parsed("http://example.org/a#part").target, "/a");
}

TEST(Url, TakesAddressesAndWebSocketSchemes) {
  EXPECT_EQ(parsed("http://[::1]:7300/x").origin, (Origin{"http", "::1", 7300}));
  EXPECT_EQ(parsed("http://127.0.0.1").origin, (Origin{"http", "127.0.0.1", 80}));
  EXPECT_EQ(parsed("ws://h/s").origin, (Origin{"http", "h", 80}));
  EXPECT_EQ(parsed("wss://h/s").origin, (Origin{"https", "h", 443}));
}

TEST(Url, TakesUnixSocketsWithAndWithoutTarget) {
  EXPECT_EQ(parsed("unix:/run/a.sock").origin, (Origin{"unix", "/run/a.sock", 0}));
  EXPECT_EQ(parsed("unix:/run/a.sock").target, "/");
  EXPECT_EQ(parsed("unix:/run/a.sock:/v1/x?y=1").origin.host, "/run/a.sock");
  EXPECT_EQ(parsed("unix:/run/a.sock:/v1/x?y=1").target, "/v1/x?y=1");
}

TEST(Url, RefusesWhatIsNoUrlOrCouldBeReadTwoWays) {
  for (const std::string_view text : {"",
                                      "host",
                                      "host:80",
                                      "//host/",
                                      "ftp://host/",
                                      "http:/host",
                                      "http://",
                                      "http:///path",
                                      "http://:80/",
                                      "http://h:0/",
                                      "http://h:65536/",
                                      "http://h:8x/",
                                      "http://h:/",
                                      "http://user:pw@h/",
                                      "http://h\\@evil/",
                                      "http://[::1/",
                                      "http://[::1]x/",
                                      "http://[h]/",
                                      "http://::1/",
                                      "http://h/a b",
                                      "http://h/\r\nx: y",
                                      "http://h\xc3\xa9/",
                                      "http://a%41/",
                                      "unix:relative",
                                      "unix:"}) {
    EXPECT_FALSE(parse_url(text)) << text;
  }
  EXPECT_FALSE(parse_url(fmt::format("unix:/{}", std::string(107, 'x'))));
  EXPECT_TRUE(parse_url(fmt::format("unix:/{}", std::string(106, 'x'))));
}

}  // namespace
}  // namespace acloud::net
