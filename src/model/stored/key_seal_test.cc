#include "model/stored/key_seal.h"

#include <gtest/gtest.h>

#include "base/encoding.h"

namespace acloud::model {
namespace {

constexpr const char* kKey = "sk-0123456789abcdef";

TEST(KeySeal, GivesBackWhatItWasGivenForTheSamePurposeAlone) {
  SeededRandom random(1);
  const KeySeal seal("secret");
  const auto sealed = seal.close(random, kKey, "bailian\nhttps://a");
  ASSERT_TRUE(sealed);
  EXPECT_EQ(seal.open(*sealed, "bailian\nhttps://a"), kKey);
  EXPECT_EQ(seal.open(*sealed, "bailian\nhttps://b").error().code(), ErrorCode::precondition_failed);
  EXPECT_EQ(KeySeal("another").open(*sealed, "bailian\nhttps://a").error().code(),
            ErrorCode::precondition_failed);
  EXPECT_EQ(from_base64(*sealed)->find(kKey), std::string::npos);
}

TEST(KeySeal, IsNeverTheSameTwice) {
  SeededRandom random(1);
  const KeySeal seal("secret");
  EXPECT_NE(seal.close(random, kKey, "p").value(), seal.close(random, kKey, "p").value());
}

TEST(KeySeal, DoesNotOpenWhatWasChangedAnywhere) {
  SeededRandom random(1);
  const KeySeal seal("secret");
  const std::string sealed = *from_base64(*seal.close(random, kKey, "p"));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(seal.open(to_base64(changed), "p")) << i;
    EXPECT_FALSE(seal.open(to_base64(sealed.substr(0, i)), "p")) << i;
  }
  EXPECT_FALSE(seal.open("not base64!", "p"));
  EXPECT_FALSE(seal.open("", "p"));
}

TEST(KeySeal, WithoutASecretSealsNothing) {
  SeededRandom random(1);
  EXPECT_EQ(KeySeal().close(random, kKey, "p").error().code(), ErrorCode::precondition_failed);
  EXPECT_EQ(KeySeal().open("AAAA", "p").error().code(), ErrorCode::precondition_failed);
}

}  // namespace
}  // namespace acloud::model
