// What models cost, as the ledger charges it.
#pragma once

#include "kernel/page.h"
#include "ledger/prices.h"

namespace acloud::usage {

struct ListPrices {
  std::optional<std::string> model;
  std::int64_t limit = kernel::kPageDefault;
  std::optional<std::string> cursor;
  static constexpr auto schema =
      fields(field("model", &ListPrices::model, "Only of this model.", length(1, 256)),
             field("limit", &ListPrices::limit, "Items on a page.", between(1, kernel::kPageMost)),
             field("cursor", &ListPrices::cursor, "next_cursor of the page before."));
};

struct PriceOfModel {
  std::string model;
  std::string currency;
  ledger::PriceSheet prices;
  static constexpr auto schema = fields(
      field("model", &PriceOfModel::model, "As callers name it."),
      field("currency", &PriceOfModel::currency, "What the amounts are in."),
      field("prices", &PriceOfModel::prices, "Of one token each, by the length of a request's input."));
};

struct PriceList {
  std::vector<PriceOfModel> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema = fields(
      field("items", &PriceList::items,
            "Models that have a price, by name; the use of others costs nothing."),
      field("next_cursor", &PriceList::next_cursor, "Where the next page begins; absent on the last."));
};

// Errors: invalid_argument (the cursor); not_found: the named model has no price.
Result<PriceList> price_list(const ledger::PriceBook& book, const ListPrices& request,
                             const std::string& currency);

}  // namespace acloud::usage
