// What /mcp and /mcp/<product> offer, both made from the catalog.
//
// A product's address has each of its operations as a tool. The whole catalog's has five tools, however many
// operations there are, so that an agent's context is not spent on a list: search, describe, call, call_many,
// read_docs.
#pragma once

#include <memory>

#include "kernel/call_path.h"
#include "surfaces/mcp/offer.h"

namespace acloud::surfaces::mcp {

class CatalogOffers {
 public:
  CatalogOffers(kernel::CallPath& path, Clock& clock, Random& random, const Library* library)
      : path_(path), clock_(clock), random_(random), library_(library) {}
  std::unique_ptr<Offer> whole() const;
  // Of the catalog's product of that name, as it stands whenever it is asked.
  std::unique_ptr<Offer> product(const kernel::Product& product) const;

 private:
  kernel::CallPath& path_;
  Clock& clock_;
  Random& random_;
  const Library* library_;
};

}  // namespace acloud::surfaces::mcp
