#include "usage/price_list.h"

namespace acloud::usage {

Result<PriceList> price_list(const ledger::PriceBook& book, const ListPrices& request,
                             const std::string& currency) {
  ACLOUD_TRY(const std::string after, kernel::from_cursor(request.cursor));
  PriceList list;
  if (request.model) {
    const auto sheet = book.find(*request.model);
    if (!sheet)
      return fail(ErrorCode::not_found, "model {} has no price; model.list names the models", *request.model);
    list.items.push_back({*request.model, currency, *sheet});
    return list;
  }
  const ledger::PriceBook::Sheets sheets = book.all();
  for (auto at = after.empty() ? sheets.begin() : sheets.upper_bound(after); at != sheets.end(); ++at) {
    if (std::ssize(list.items) == request.limit) {
      list.next_cursor = kernel::to_cursor(list.items.back().model);
      break;
    }
    list.items.push_back({at->first, currency, *at->second});
  }
  return list;
}

}  // namespace acloud::usage
