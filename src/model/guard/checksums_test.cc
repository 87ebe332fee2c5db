#include "model/guard/checksums.h"

#include <gtest/gtest.h>

namespace acloud::model::guard {
namespace {

TEST(Checksums, Cards) {
  // The numbers that card companies give out for tests.
  for (const char* number : {"4111111111111111", "4111 1111 1111 1111", "5555-5555-5555-4444",
                             "378282246310005", "6011111111111117", "2223003122003222", "4222222222222"}) {
    EXPECT_TRUE(is_card(number)) << number;
  }
  for (const char* number :
       {"4111111111111112", "4444444444444444", "411111111111", "41111111111111111111"}) {
    EXPECT_FALSE(is_card(number)) << number;
  }
}

TEST(Checksums, BankAccounts) {
  // Examples of the IBAN registry.
  for (const char* number :
       {"GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "FR1420041010050500013M02606",
        "NO9386011117947", "MT84MALT011000012345MTLCAST001S"}) {
    EXPECT_TRUE(is_iban(number)) << number;
  }
  for (const char* number :
       {"GB82 WEST 1234 5698 7654 33", "DE8937040044053201300", "XX82WEST12345698765432", "DE"}) {
    EXPECT_FALSE(is_iban(number)) << number;
  }
}

TEST(Checksums, ChineseIds) {
  EXPECT_TRUE(is_chinese_id("11010519491231002X"));  // the standard's own example
  EXPECT_TRUE(is_chinese_id("440524188001010014"));  // likewise
  EXPECT_FALSE(is_chinese_id("110105194912310021"));
  EXPECT_FALSE(is_chinese_id("11010519491331002X"));
}

TEST(Checksums, SocialSecurityNumbers) {
  EXPECT_TRUE(is_us_ssn("123-45-6789"));
  for (const char* number : {"000-45-6789", "666-45-6789", "900-45-6789", "123-00-6789", "123-45-0000"})
    EXPECT_FALSE(is_us_ssn(number)) << number;
}

}  // namespace
}  // namespace acloud::model::guard
