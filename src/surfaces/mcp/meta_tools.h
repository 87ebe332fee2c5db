// The tools of /mcp, with which an agent finds and calls whatever the catalog has.
#pragma once

#include "surfaces/mcp/catalog_calls.h"
#include "surfaces/mcp/search.h"

namespace acloud::surfaces::mcp {

class MetaTools {
 public:
  MetaTools(kernel::CallPath& path, Clock& clock, Random& random, const Library* library);

  std::vector<const Tool*> list() const;
  const Tool* find(std::string_view name) const;
  // Members of a CallToolResult.
  Task<std::string> call(Exchange& exchange, const Tool& tool, Json arguments);

  // Texts for prompts.
  std::string manual(const kernel::Caller& caller, const kernel::Product& product) const;
  std::string plan(const kernel::Caller& caller, const std::string& goal) const;

 private:
  using Run = Task<Result<std::string>> (MetaTools::*)(Exchange& exchange, Json arguments);
  struct Entry {
    Tool tool;
    Run run;
  };
  template <class Request>
  void add(std::string name, std::string description, kernel::Effect effect, Run run);

  Task<Result<std::string>> search(Exchange& exchange, Json arguments);
  Task<Result<std::string>> describe(Exchange& exchange, Json arguments);
  Task<Result<std::string>> call_one(Exchange& exchange, Json arguments);
  Task<Result<std::string>> call_many(Exchange& exchange, Json arguments);
  Task<Result<std::string>> read_docs(Exchange& exchange, Json arguments);

  std::vector<const kernel::Operation*> best(const kernel::Caller& caller, std::string_view query,
                                             std::size_t limit) const;

  kernel::CallPath& path_;
  Clock& clock_;
  CatalogCalls calls_;
  const Library* library_;
  Search search_;
  std::vector<Entry> entries_;
};

// Puts in place of each {"$result": "/0/id"} in `arguments` what that JSON Pointer (RFC 6901) finds in
// `results`. Errors: invalid_argument.
Result<> fill_references(Json& arguments, const Json& results);

}  // namespace acloud::surfaces::mcp
