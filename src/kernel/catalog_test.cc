#include "kernel/catalog.h"

#include <gmock/gmock.h>

namespace acloud::kernel {
namespace {

using testing::HasSubstr;

std::shared_ptr<const Product> outside(std::string name, std::string operation) {
  auto product = std::make_shared<Product>(std::move(name), "Of others.");
  product->described_elsewhere(std::move(operation)).summary = "Does it.";
  return product;
}

TEST(Catalog, ProductsThatWerePutStandBehindThoseThatWereDeclared) {
  Catalog catalog;
  catalog.put(outside("b", "one"));
  catalog.put(outside("a", "one"));
  catalog.add("declared", "Ours.");
  std::vector<std::string> names;
  for (const auto& product : catalog.products()) names.push_back(product->name());
  EXPECT_THAT(names, testing::ElementsAre("declared", "b", "a"));
  EXPECT_TRUE(catalog.is_declared("declared"));
  EXPECT_FALSE(catalog.is_declared("a"));
  EXPECT_EQ(catalog.describe("1")["products"].size(), 3U);
}

TEST(Catalog, WhatIsFoundStaysAsItWasWhenItsProductIsReplaced) {
  Catalog catalog;
  catalog.put(outside("a", "fetch"));
  catalog.put(outside("b", "other"));
  const auto found = catalog.find("a.fetch");
  ASSERT_TRUE(found);
  const std::uint64_t version = catalog.version();
  catalog.put(outside("a", "fetched"));
  EXPECT_NE(catalog.version(), version);
  EXPECT_EQ((*found)->full_name(), "a.fetch");
  EXPECT_EQ((*found)->summary, "Does it.");
  EXPECT_TRUE(catalog.find("a.fetched"));
  EXPECT_THAT(catalog.find("a.fetch").error().message(), HasSubstr("did you mean"));
  EXPECT_EQ(catalog.products().front()->name(), "a");
}

TEST(Catalog, IsReadWhileItChanges) {
  Catalog catalog;
  catalog.put(outside("a", "one"));
  std::jthread writer([&catalog](const std::stop_token& stop) {
    for (int i = 0; !stop.stop_requested(); ++i) catalog.put(outside("a", i % 2 == 0 ? "one" : "two"));
  });
  for (int i = 0; i < 2000; ++i) {
    const auto products = catalog.products();
    ASSERT_EQ(products.size(), 1U);
    const std::string& name = products.front()->operations().front().name;
    ASSERT_TRUE(name == "one" || name == "two");
    if (const auto found = catalog.find("a.one")) ASSERT_EQ((*found)->name, "one");
  }
}

}  // namespace
}  // namespace acloud::kernel
