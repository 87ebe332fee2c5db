#include "model/route_table.h"

#include <gtest/gtest.h>

namespace acloud::model {
namespace {

const KeySource kNoKeys = [](std::string_view) -> Result<std::string> { return std::string(); };

ModelConfig model(const std::string& name, std::vector<std::string> fallback = {}) {
  ModelConfig config;
  config.name = name;
  config.targets = {{.provider = "p", .model = "m"}};
  config.fallback = std::move(fallback);
  return config;
}

class RouteTableTest : public testing::Test {
 protected:
  std::shared_ptr<const RouteTable> make(std::vector<ModelConfig> models, const RouteTable* before) {
    ProviderConfig provider;
    provider.name = "p";
    provider.base_url = url_;
    auto table = RouteTable::make({&provider, 1}, models, kNoKeys, before);
    EXPECT_TRUE(table);
    return *table;
  }
  static TargetState* state(const RouteTable& table, const std::string& model) {
    return table.find(model)->targets.at(0).state.get();
  }
  std::string url_ = "https://a/v1";
};

TEST_F(RouteTableTest, KeepsWhatIsKnownOfATargetForTheModelThatItIsOf) {
  const auto first = make({model("alone"), model("helped", {"alone"})}, nullptr);
  EXPECT_NE(state(*first, "alone"), state(*first, "helped")) << "their breakers are of different kinds";
  const auto again = make({model("helped", {"alone"}), model("alone"), model("new")}, first.get());
  EXPECT_EQ(state(*again, "alone"), state(*first, "alone"));
  EXPECT_EQ(state(*again, "helped"), state(*first, "helped"));
  EXPECT_NE(state(*again, "new"), state(*first, "alone"));
}

TEST_F(RouteTableTest, KnowsNothingOfATargetThatIsElsewhereOrHasAnotherBreakerNow) {
  const auto first = make({model("x"), model("y")}, nullptr);
  const auto helped = make({model("x", {"y"}), model("y")}, first.get());
  EXPECT_NE(state(*helped, "x"), state(*first, "x"));
  EXPECT_EQ(state(*helped, "y"), state(*first, "y"));
  url_ = "https://b/v1";
  const auto moved = make({model("x"), model("y")}, first.get());
  EXPECT_NE(state(*moved, "y"), state(*first, "y"));
}

TEST_F(RouteTableTest, GrowthNeedsALimitToGoBy) {
  ProviderConfig provider;
  provider.name = "p";
  provider.base_url = url_;
  ModelConfig config = model("m");
  config.limits = ledger::ModelLimits{.rpm = 5, .each_key = ledger::RateLimit{.growth_percent = 150}};
  const auto refused = RouteTable::make({&provider, 1}, {&config, 1}, kNoKeys, nullptr);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("model m: limits: growth_percent"), std::string::npos);
  config.limits->each_key->tpm = 1;
  EXPECT_TRUE(RouteTable::make({&provider, 1}, {&config, 1}, kNoKeys, nullptr));
}

}  // namespace
}  // namespace acloud::model
