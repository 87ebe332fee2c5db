#include "model/stored/routing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace acloud::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ProviderConfig provider(const std::string& name, const std::string& host = "a") {
  ProviderConfig config;
  config.name = name;
  config.base_url = "https://" + host + "/v1";
  return config;
}
ModelConfig model(const std::string& name, const std::string& at, std::vector<std::string> fallback = {}) {
  ModelConfig config;
  config.name = name;
  config.targets = {{.provider = at, .model = "m"}};
  config.fallback = std::move(fallback);
  return config;
}
std::vector<std::string> names(const Routing& routing) {
  std::vector<std::string> all;
  for (const ModelConfig& each : routing.models) all.push_back(each.name);
  return all;
}

const Routing kFile{.providers = {provider("p"), provider("q")},
                    .models = {model("one", "p"), model("two", "q")}};

TEST(Routing, WhatWasSetTakesThePlaceOfTheFilesAndOthersComeAfter) {
  const Routing all = merged(kFile, {.providers = {provider("p", "other"), provider("r")},
                                     .models = {model("two", "r"), model("three", "p")}});
  EXPECT_THAT(names(all), ElementsAre("one", "two", "three"));
  EXPECT_EQ(all.providers[0].base_url, "https://other/v1");
  EXPECT_EQ(all.models[1].targets[0].provider, "r");
  EXPECT_TRUE(check(all));
  EXPECT_THAT(names(merged(kFile, {})), ElementsAre("one", "two"));
}

TEST(Fitting, LeavesOutWhatCanNotBeServedAndNothingElse) {
  const Routing set{.providers = {provider("r")},
                    .models = {model("lost", "gone"), model("follower", "r", {"lost"}),
                               model("well", "r", {"later"}), model("later", "q")}};
  const Fitting fit = fitting(kFile, set);
  EXPECT_THAT(names(fit.routing), ElementsAre("one", "two", "later", "well"));
  ASSERT_EQ(fit.left_out.size(), 2u);
  EXPECT_THAT(fit.left_out.at("model lost"), HasSubstr("there is no provider gone"));
  EXPECT_THAT(fit.left_out.at("model follower"), HasSubstr("there is no model lost"));
  EXPECT_TRUE(check(fit.routing));
}

TEST(Fitting, TakesTheFilesEntryWhereTheOneThatWasSetDoesNotFit) {
  const Fitting fit = fitting(kFile, {.providers = {}, .models = {model("one", "gone")}});
  EXPECT_EQ(fit.routing.models[0].targets[0].provider, "p");
  EXPECT_EQ(fit.left_out.size(), 1u);
}

TEST(Fitting, OfASoundSetLeavesNothingOut) {
  const Fitting fit = fitting(kFile, {.providers = {provider("r")}, .models = {model("x", "r", {"one"})}});
  EXPECT_TRUE(fit.left_out.empty());
  EXPECT_THAT(names(fit.routing), ElementsAre("one", "two", "x"));
}

}  // namespace
}  // namespace acloud::model
