#include "net/address.h"

#include <gtest/gtest.h>

namespace acloud::net {
namespace {

bool is_public(std::string_view text) {
  const auto address = parse_address(text);
  EXPECT_TRUE(address) << text;
  return address && net::is_public(*address);
}

TEST(Address, IsPublicWhereNoNetworkOfItsIsSpecial) {
  for (const char* text : {"1.1.1.1", "93.184.216.34", "172.32.0.1", "2606:4700::1111"})
    EXPECT_TRUE(is_public(text)) << text;
  for (const char* text :
       {"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "2002:7f00:1::", "2001:db8::1", "ff02::1"}) {
    EXPECT_FALSE(is_public(text)) << text;
  }
}

TEST(Address, OfThisMachineIsNotPublic) {
  for (const Address& own : own_addresses()) EXPECT_FALSE(net::is_public(own)) << to_string(own);
}

}  // namespace
}  // namespace acloud::net
