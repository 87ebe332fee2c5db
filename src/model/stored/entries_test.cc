// What was set, on both databases.
#include "model/stored/entries.h"

#include <gtest/gtest.h>

#include "store/testing/databases.h"

namespace acloud::model::entries {
namespace {

class EntriesTest : public store::testing::OnEachDatabase {
 protected:
  void set(Kind kind, const std::string& name, const std::string& json) {
    EXPECT_TRUE(run(database_.write_durably([=, now = clock_.now()](store::Transaction& tx) -> Result<> {
      return put(tx, kind, name, json, now);
    })));
  }
  bool gone(Kind kind, const std::string& name) {
    return *run(database_.write_durably([=](store::Transaction& tx) { return remove(tx, kind, name); }));
  }
  Result<Stored> read() {
    return run(database_.read([](store::Reader& reader) { return load(reader); }));
  }

  ManualClock clock_;
  store::Database& database_ = open(migrations());
};

TEST_P(EntriesTest, AreReadBackAsTheyWereSet) {
  EXPECT_EQ(read()->version, 0);
  ProviderConfig provider{
      .name = "p", .dialect = Dialect::anthropic, .base_url = "https://a", .api_key = "env:K"};
  provider.headers["x"] = "y";
  provider.total_time = std::chrono::milliseconds(1500);
  ModelConfig model;
  model.name = "m";
  model.targets = {
      {.provider = "p", .model = "x", .weight = 2.5, .price = PriceConfig{.input = 1, .output = 2}}};
  model.fallback = {"n"};
  model.strategy = Strategy::price;
  set(Kind::provider, "p", encode(provider));
  set(Kind::model, "m", encode(model));
  const auto stored = read();
  ASSERT_TRUE(stored) << stored.error().message();
  EXPECT_EQ(stored->version, 2);
  ASSERT_EQ(stored->set.providers.size(), 1u);
  EXPECT_EQ(encode(stored->set.providers[0]), encode(provider));
  ASSERT_EQ(stored->set.models.size(), 1u);
  EXPECT_EQ(encode(stored->set.models[0]), encode(model));
}

TEST_P(EntriesTest, EachChangeCountsAndNothingElse) {
  set(Kind::provider, "p", encode(ProviderConfig{.name = "p", .base_url = "https://a"}));
  set(Kind::provider, "p", encode(ProviderConfig{.name = "p", .base_url = "https://b"}));
  EXPECT_EQ(read()->version, 2);
  EXPECT_EQ(read()->set.providers.at(0).base_url, "https://b");
  EXPECT_FALSE(gone(Kind::model, "p"));
  EXPECT_FALSE(gone(Kind::provider, "q"));
  EXPECT_EQ(read()->version, 2);
  EXPECT_TRUE(gone(Kind::provider, "p"));
  EXPECT_EQ(read()->version, 3);
  EXPECT_TRUE(read()->set.providers.empty());
}

INSTANTIATE_TEST_SUITE_P(Databases, EntriesTest, store::testing::each_database(), store::testing::name_of);

}  // namespace
}  // namespace acloud::model::entries
