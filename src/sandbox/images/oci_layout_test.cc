#include "sandbox/images/oci_layout.h"

#include <gtest/gtest.h>

namespace acloud::sandbox::images {
namespace {

const std::string kA(64, 'a'), kB(64, 'b');

Json parse(const std::string& text) { return parse_json(text).value(); }
std::string descriptor(const std::string& digest, const std::string& more = "") {
  return R"({"digest":"sha256:)" + digest + "\"" + more + "}";
}
std::string platform(const std::string& architecture, const std::string& os = "linux") {
  return R"(,"platform":{"architecture":")" + architecture + R"(","os":")" + os + "\"}";
}

TEST(OciLayout, ChoosesByProcessor) {
  const std::string index = R"({"manifests":[)" + descriptor(kA, platform("arm64")) + "," +
                            descriptor(kA, platform("amd64", "windows")) + "," +
                            descriptor(kB, platform("amd64")) + "]}";
  EXPECT_EQ(choose_manifest(parse(index), "amd64").value(), kB);
  EXPECT_EQ(choose_manifest(parse(index), "arm64").value(), kA);
  EXPECT_EQ(choose_manifest(parse(index), "riscv64").error().code(), ErrorCode::not_found);
  EXPECT_EQ(choose_manifest(parse(R"({"manifests":[)" + descriptor(kA) + "]}"), "riscv64").value(), kA);
  EXPECT_FALSE(choose_manifest(parse(R"({"manifests":{}})"), "amd64"));
  EXPECT_FALSE(choose_manifest(parse("[]"), "amd64"));
}

TEST(OciLayout, TakesDigestsOfItsKindAlone) {
  const std::vector<std::string> wrong{"../../etc/passwd",   "sha256:../../../../etc/passwd",  "sha512:" + kA,
                                       "sha256:" + kA + "a", "sha256:" + std::string(64, 'A'), ""};
  for (const std::string& bad : wrong) {
    const std::string manifest =
        R"({"config":)" + descriptor(kA) + R"(,"layers":[{"digest":")" + bad + "\"}]}";
    EXPECT_EQ(read_manifest(parse(manifest)).error().code(), ErrorCode::invalid_argument) << bad;
  }
  const auto read =
      read_manifest(parse(R"({"config":)" + descriptor(kA) + R"(,"layers":[)" + descriptor(kB) + "]}"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->config, kA);
  EXPECT_EQ(read->layers, std::vector{kB});
  EXPECT_FALSE(read_manifest(parse(R"({"config":)" + descriptor(kA) + R"(,"layers":[]})")));
}

TEST(OciLayout, RefusesTooManyLayers) {
  std::string layers = descriptor(kB);
  for (std::size_t i = 0; i < kOciLayersMost; ++i) layers += "," + descriptor(kB);
  const auto read = read_manifest(parse(R"({"config":)" + descriptor(kA) + R"(,"layers":[)" + layers + "]}"));
  EXPECT_EQ(read.error().code(), ErrorCode::too_large);
}

TEST(OciLayout, ReadsTheEnvironment) {
  const auto env = read_environment(parse(R"({"config":{"Env":["A=1","B=x=y","=no","no",3,"PATH=/bin"]}})"));
  EXPECT_EQ(env, (std::map<std::string, std::string>{{"A", "1"}, {"B", "x=y"}, {"PATH", "/bin"}}));
  EXPECT_TRUE(read_environment(parse(R"({"config":[]})")).empty());
}

}  // namespace
}  // namespace acloud::sandbox::images
