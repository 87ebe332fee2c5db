#include "sandbox/egress/rules.h"

#include <gtest/gtest.h>

namespace acloud::sandbox::egress {
namespace {

constexpr std::uint16_t kServerPort = 7300;

Address at(std::string_view text) { return parse_address(text).value(); }
Self self() { return {{at("127.0.0.1"), at("198.18.0.9"), at("9.9.9.9"), at("::1")}, kServerPort}; }

Rules rules(const std::vector<std::string>& allow, const std::vector<std::string>& deny = {}) {
  return Rules::parse(allow, deny).value();
}

// Asks for `target`, which has `address` where it is a name.
bool may(const Rules& rules, std::string_view target, std::string_view address = "") {
  const auto parsed = parse_target(target);
  if (!parsed || !rules.check_name(*parsed)) return false;
  const Address to = parsed->address ? *parsed->address : at(address.empty() ? "93.184.216.34" : address);
  return rules.check_address(*parsed, to, self()).has_value();
}

TEST(EgressRules, NothingIsAllowedAtFirst) {
  EXPECT_FALSE(may(rules({}), "example.com:443"));
  EXPECT_FALSE(may(rules({}), "1.1.1.1:443"));
  EXPECT_TRUE(rules({}).allows_nothing());
}

TEST(EgressRules, HostsAreExactOrBelow) {
  const Rules some = rules({"Example.com", "*.example.org", "one.test:443"});
  EXPECT_TRUE(may(some, "example.com:80"));
  EXPECT_TRUE(may(some, "EXAMPLE.com.:80"));
  EXPECT_FALSE(may(some, "www.example.com:80"));
  EXPECT_FALSE(may(some, "notexample.com:80"));
  EXPECT_FALSE(may(some, "example.com.evil.test:80"));
  EXPECT_TRUE(may(some, "a.b.example.org:80"));
  EXPECT_FALSE(may(some, "example.org:80"));
  EXPECT_FALSE(may(some, "evilexample.org:80"));
  EXPECT_TRUE(may(some, "one.test:443"));
  EXPECT_FALSE(may(some, "one.test:80"));
  // A name allows its address by that name alone.
  EXPECT_FALSE(may(some, "93.184.216.34:80"));
}

TEST(EgressRules, DenyGoesBeforeAllow) {
  const Rules some = rules({"*"}, {"*.ads.test", "1.2.0.0/16", "*:25"});
  EXPECT_TRUE(may(some, "example.com:443"));
  EXPECT_TRUE(may(some, "8.8.8.8:53"));
  EXPECT_FALSE(may(some, "x.ads.test:443"));
  EXPECT_FALSE(may(some, "1.2.3.4:443"));
  EXPECT_FALSE(may(some, "example.com:443", "1.2.3.4")) << "whatever name it hides behind";
  EXPECT_FALSE(may(some, "example.com:25"));
  EXPECT_FALSE(may(some, "8.8.8.8:25"));
}

TEST(EgressRules, WhatIsNotPublicIsRefusedUnlessNamed) {
  const Rules any = rules({"*", "0.0.0.0/0", "[::]/0"});
  for (const char* address : {"127.0.0.1",
                              "127.8.9.1",
                              "10.1.2.3",
                              "172.16.0.1",
                              "172.31.255.255",
                              "192.168.1.1",
                              "169.254.169.254",
                              "100.64.0.1",
                              "0.0.0.0",
                              "0.1.2.3",
                              "224.0.0.1",
                              "239.1.1.1",
                              "255.255.255.255",
                              "192.0.0.8",
                              "192.0.2.1",
                              "198.18.0.1",
                              "198.51.100.7",
                              "203.0.113.7",
                              "240.0.0.1",
                              "192.88.99.1",
                              "::1",
                              "::",
                              "::7f00:1",
                              "::ffff:127.0.0.1",
                              "::ffff:10.0.0.1",
                              "64:ff9b::7f00:1",
                              "fe80::1",
                              "fc00::1",
                              "fd12::1",
                              "ff02::1",
                              "2002:7f00:1::",
                              "2001::1",
                              "2001:db8::1",
                              "fec0::1",
                              "100::1"}) {
    EXPECT_FALSE(may(any, "rebind.test:80", address)) << address;
    const bool v6 = std::string_view(address).find(':') != std::string_view::npos;
    EXPECT_FALSE(may(any, fmt::format(fmt::runtime(v6 ? "[{}]:80" : "{}:80"), address))) << address;
  }
  EXPECT_TRUE(may(any, "[2606:4700::1111]:443"));
  EXPECT_TRUE(may(any, "example.com:443", "2606:4700::1111"));
  const Rules named = rules({"10.1.0.0/16", "192.168.1.7:5432", "*.internal", "[fd00::/8]:80"});
  EXPECT_TRUE(may(named, "10.1.2.3:80"));
  EXPECT_FALSE(may(named, "10.2.2.3:80"));
  EXPECT_TRUE(may(named, "[::ffff:10.1.2.3]:80")) << "one address, however it is written";
  EXPECT_TRUE(may(named, "db.internal:80", "10.1.2.3"));
  EXPECT_FALSE(may(named, "db.internal:80", "10.2.2.3"));
  EXPECT_FALSE(may(named, "db.other:80", "10.1.2.3")) << "no rule lets this name be looked up";
  EXPECT_TRUE(may(named, "192.168.1.7:5432"));
  EXPECT_FALSE(may(named, "192.168.1.7:5433"));
  EXPECT_TRUE(may(named, "[fd12::1]:80"));
  EXPECT_FALSE(may(named, "[fd12::1]:81"));
}

TEST(EgressRules, ThisMachineIsNamedByItsSingleAddressAndTheServerByItsPortToo) {
  EXPECT_FALSE(may(rules({"*", "9.9.9.0/24"}), "9.9.9.9:80")) << "a public address of this machine";
  EXPECT_TRUE(may(rules({"*", "9.9.9.0/24"}), "9.9.9.8:80"));
  EXPECT_TRUE(may(rules({"9.9.9.9"}), "9.9.9.9:80"));
  EXPECT_FALSE(may(rules({"9.9.9.9"}), "9.9.9.9:7300"));
  EXPECT_FALSE(may(rules({"198.18.0.0/15"}), "198.18.0.9:80"));
  EXPECT_FALSE(may(rules({"127.0.0.0/8"}), "127.0.0.1:8080")) << "an address of this machine";
  EXPECT_TRUE(may(rules({"127.0.0.0/8"}), "127.0.0.2:8080"));
  EXPECT_FALSE(may(rules({"127.0.0.0/8"}), "127.0.0.2:7300"));
  EXPECT_FALSE(may(rules({"127.0.0.1"}), "127.0.0.1:7300"));
  EXPECT_FALSE(may(rules({"0.0.0.0"}), "0.0.0.0:7300"));
  EXPECT_TRUE(may(rules({"127.0.0.1:7300"}), "127.0.0.1:7300"));
  EXPECT_TRUE(may(rules({"127.0.0.1"}), "127.0.0.1:8080"));
}

TEST(EgressRules, AddressesHaveOneSpelling) {
  for (const char* host : {"2130706433",   "0x7f000001",   "0x7f.1",        "127.1",     "0177.0.0.1",
                           "127.0.0.1.",   "127.0.0.01",   "1.2.3.4.5",     "a.0x7f",    "fe80::1",
                           "[127.0.0.1]",  "[fe80::1%lo]", "[example.com]", "",          ".",
                           "a..b",

                           " a",           "a b",          "a/b",           "user@host", "ex\xc3\xa4mple.com",
                           "*.example.com"}) {
    EXPECT_FALSE(parse_target(host, 80)) << host;
  }
  EXPECT_EQ(parse_target("[::FFFF:127.0.0.1]", 80)->host, "127.0.0.1");
  EXPECT_EQ(to_string(*parse_target("[2001:DB8::1]:443")), "[2001:db8::1]:443");
  for (const char* target : {"a", "a:", "a:0", "a:65536", "a:8x", ":80", "a:-1", "a:80:80"})
    EXPECT_FALSE(parse_target(target)) << target;
  EXPECT_FALSE(parse_address(std::string_view("127.0.0.1\0x", 11)));
}

TEST(EgressRules, RulesAreCheckedAsTheyAreWritten) {
  for (const char* rule :
       {"", "http://a.test", "a.test/x", "a.test:0", "a.test:x", "*.*.test", "a.*.test", "*a.test",
        "10.0.0.0/33", "10.0.0.0/", "[::1", "::1]:80", "[::]/129", "1.2.3", "a b", "*."})
    EXPECT_FALSE(parse_rule(rule)) << rule;
  for (const char* rule :
       {"a.test", "*.a.test:443", "*", "*:443", "10.0.0.0/8", "10.0.0.1:80", "::1", "[::1]:80",
        "[2001:db8::]/32", "[2001:db8::]/32:443", "[2001:db8::/32]:443", "2001:db8::/32"})
    EXPECT_TRUE(parse_rule(rule)) << rule;
  const auto bad = Rules::parse({"a.test", "b c"}, {});
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message().find("egress.allow[1]: \"b c\""), std::string::npos)
      << bad.error().message();
  EXPECT_FALSE(Rules::parse(std::vector<std::string>(Rules::kMost + 1, "a.test"), {}));
}

}  // namespace
}  // namespace acloud::sandbox::egress
