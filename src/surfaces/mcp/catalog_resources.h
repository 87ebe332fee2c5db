// What of the catalog can be read as a resource: pages of documentation, and whatever an operation without
// effect gives as raw bytes, or as a log, at acloud://<product>/<operation>?<field>=<value>&... A log is a
// line of JSON for each thing that happened, and can be followed.
#pragma once

#include "surfaces/library.h"
#include "surfaces/mcp/catalog_calls.h"

namespace acloud::surfaces::mcp {

class CatalogResources {
 public:
  // `product` "": those of the whole catalog, and the pages.
  CatalogResources(kernel::CallPath& path, Clock& clock, Random& random, const Library* library,
                   std::string product)
      : path_(path), clock_(clock), calls_(path, random), library_(library), product_(std::move(product)) {}

  std::vector<std::string> list() const;
  std::vector<std::string> templates(const kernel::Caller& caller) const;
  // The list `contents`. Errors: resource_not_found, and those of the call.
  Task<Rpc<std::string>> read(Exchange& exchange, std::string uri);
  // The operation that a template stands for; null where there is none for `caller`.
  std::shared_ptr<const kernel::Operation> find(const kernel::Caller& caller, std::string_view uri) const;
  // Values for a template's argument: those that it is said to have, or that a list of the same product gives
  // under that name. `known`: arguments that are filled in already.
  Task<Completion> complete(Exchange& exchange, const kernel::Operation& operation, std::string argument,
                            std::string typed, Json known);

  bool has_logs() const;
  // May `caller` follow what is at `uri`?
  bool can_follow(const kernel::Caller& caller, std::string_view uri) const;
  // Calls `changed` whenever the log at `uri` has got longer, until it won't any more or the task is stopped.
  Task<> follow(kernel::Caller caller, std::string uri, std::function<void()> changed);

 private:
  template <class F>
  void each_readable(const kernel::Caller& caller, F take) const;
  Rpc<std::string> read_page(std::string_view uri) const;
  struct Named {
    std::shared_ptr<const kernel::Operation> operation;
    Json arguments;
  };
  Rpc<Named> parse(const kernel::Caller& caller, std::string_view uri) const;

  kernel::CallPath& path_;
  Clock& clock_;
  CatalogCalls calls_;
  const Library* library_;
  const std::string product_;
};

}  // namespace acloud::surfaces::mcp
