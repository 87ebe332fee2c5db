// What of the catalog can be read as a resource: pages of documentation, and whatever an operation without
// effect gives as raw bytes, at acloud://<product>/<operation>?<field>=<value>&...
#pragma once

#include "surfaces/library.h"
#include "surfaces/mcp/catalog_calls.h"

namespace acloud::surfaces::mcp {

class CatalogResources {
 public:
  // `product` null: those of the whole catalog, and the pages.
  CatalogResources(kernel::CallPath& path, Clock& clock, Random& random, const Library* library,
                   const kernel::Product* product)
      : path_(path), clock_(clock), calls_(path, random), library_(library), product_(product) {}

  std::vector<std::string> list() const;
  std::vector<std::string> templates(const kernel::Caller& caller) const;
  // The list `contents`. Errors: resource_not_found, and those of the call.
  Task<Rpc<std::string>> read(Exchange& exchange, std::string uri);
  // The operation that a template stands for; null where there is none for `caller`.
  const kernel::Operation* find(const kernel::Caller& caller, std::string_view uri) const;

 private:
  template <class F>
  void each_readable(const kernel::Caller& caller, F take) const;
  Rpc<std::string> read_page(std::string_view uri) const;

  kernel::CallPath& path_;
  Clock& clock_;
  CatalogCalls calls_;
  const Library* library_;
  const kernel::Product* product_;
};

}  // namespace acloud::surfaces::mcp
