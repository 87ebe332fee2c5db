#include "ledger/price_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace acloud::ledger {
namespace {

using ::testing::HasSubstr;

Result<ImportedPrices> import_text(std::string_view text) { return import_prices(*parse_json(text)); }

Rates only(const ImportedPrices& imported, const std::string& model) {
  const PriceSheet& sheet = imported.sheets.at(model);
  EXPECT_EQ(sheet.tiers.size(), 1U);
  return sheet.tiers.front().rates;
}

TEST(PriceImport, ReadsEachBucket) {
  const auto imported = import_text(R"({
    "sample_spec": {"input_cost_per_token": "explained here"},
    "m": {"litellm_provider": "openai", "mode": "chat", "max_output_tokens": 16384, "max_tokens": 5,
          "input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07,
          "output_cost_per_reasoning_token": 7e-07, "cache_read_input_token_cost": 7.5e-08,
          "cache_creation_input_token_cost": 1.875e-07, "cache_creation_input_token_cost_above_1hr": 3e-07,
          "input_cost_per_token_batches": 7.5e-08, "output_cost_per_token_batches": 3e-07},
    "picture": {"mode": "image_generation", "output_cost_per_image": 0.04}})");
  ASSERT_TRUE(imported) << imported.error().message();
  EXPECT_EQ(imported->skipped, 1);
  EXPECT_EQ(imported->sheets.at("m").max_output, 16384);
  const Rates rates = only(*imported, "m");
  EXPECT_EQ(rates.input.text(), "0.00000015");
  EXPECT_EQ(rates.output.text(), "0.0000006");
  EXPECT_EQ(rates.reasoning.text(), "0.0000007");
  EXPECT_EQ(rates.cache_read.text(), "0.000000075");
  EXPECT_EQ(rates.cache_write_5m.text(), "0.0000001875");
  EXPECT_EQ(rates.cache_write_1h.text(), "0.0000003");
  EXPECT_EQ(rates.batch_input.text(), "0.000000075");
}

TEST(PriceImport, PricesAboveALengthAreATier) {
  const auto imported = import_text(R"({"m": {
    "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05, "cache_read_input_token_cost": 3e-07,
    "cache_creation_input_token_cost_above_1hr": 6e-06,
    "input_cost_per_token_above_200k_tokens": 6e-06, "output_cost_per_token_above_200k_tokens": 2.25e-05}})");
  ASSERT_TRUE(imported) << imported.error().message();
  const auto& tiers = imported->sheets.at("m").tiers;
  ASSERT_EQ(tiers.size(), 2U);
  EXPECT_EQ(tiers[0].up_to, 200'000);
  EXPECT_EQ(tiers[1].rates.input.text(), "0.000006");
  EXPECT_EQ(tiers[1].rates.cache_read.text(), "0.0000003");  // as below, where the file says nothing
  EXPECT_EQ(tiers[1].rates.cache_write_1h.text(), "0.000006");
}

TEST(PriceImport, ListedTiersWithBailiansRules) {
  const auto imported = import_text(R"({"dashscope/qwen3-max": {"litellm_provider": "dashscope",
    "tiered_pricing": [
      {"range": [0, 32000], "input_cost_per_token": 1e-06, "output_cost_per_token": 6e-06},
      {"range": [32000, 128000.0], "input_cost_per_token": 2e-06, "output_cost_per_token": 1.2e-05}]}})");
  ASSERT_TRUE(imported) << imported.error().message();
  const auto& tiers = imported->sheets.begin()->second.tiers;
  ASSERT_EQ(tiers.size(), 2U);
  EXPECT_EQ(tiers[0].up_to, 32'000);
  EXPECT_EQ(tiers[1].up_to, std::nullopt);
  EXPECT_EQ(tiers[0].rates.cache_read.text(), "0.0000002");
  EXPECT_EQ(tiers[1].rates.cache_read_explicit.text(), "0.0000002");
  EXPECT_EQ(tiers[1].rates.cache_write_5m.text(), "0.0000025");
}

TEST(PriceImport, SaysWhichModelAndFieldIsWrong) {
  const auto message = [](std::string_view text) { return import_text(text).error().message(); };
  EXPECT_THAT(message("[]"), HasSubstr("no object"));
  EXPECT_THAT(message(R"({"m": 3})"), HasSubstr("\"m\" is no model"));
  EXPECT_THAT(message(R"({"m": {"input_cost_per_token": true}})"), HasSubstr("m: input_cost_per_token"));
  EXPECT_THAT(message(R"({"m": {"input_cost_per_token": -1e-9}})"), HasSubstr("from 0 to 1"));
  EXPECT_THAT(message(R"({"m": {"input_cost_per_token": 2}})"), HasSubstr("from 0 to 1"));
  EXPECT_THAT(message(R"({"m": {"tiered_pricing": [{"range": [0, 10]}, {"range": [11, 20]}]}})"),
              HasSubstr("does not follow"));
  EXPECT_THAT(message(R"({"m": {"tiered_pricing": [{"range": [5, 5]}]}})"), HasSubstr("does not follow"));
  EXPECT_THAT(message(R"({"m": {"tiered_pricing": [{"range": [0, 1e300]}]}})"), HasSubstr("range"));
}

}  // namespace
}  // namespace acloud::ledger
