// The tools of /mcp, with which an agent finds and calls whatever the catalog has.
#pragma once

#include <mutex>

#include "surfaces/mcp/catalog_calls.h"
#include "surfaces/mcp/search.h"

namespace acloud::surfaces::mcp {

class MetaTools {
 public:
  MetaTools(kernel::CallPath& path, Clock& clock, Random& random, const Library* library);

  std::vector<std::shared_ptr<const Tool>> list() const;
  std::shared_ptr<const Tool> find(std::string_view name) const;
  // Members of a CallToolResult.
  Task<std::string> call(Exchange& exchange, const Tool& tool, Json arguments);

  // What the tool `call` is told to call; nothing for other tools, and where the arguments are wrong.
  struct Meant {
    std::string operation;
    Json arguments;
    CatalogCalls::Options options;
  };
  std::optional<Meant> meant(const Tool& tool, const Json& arguments) const;

  // Texts for prompts.
  std::string manual(const kernel::Caller& caller, const kernel::Product& product) const;
  std::string plan(const kernel::Caller& caller, const std::string& goal) const;

 private:
  using Run = Task<Result<std::string>> (MetaTools::*)(Exchange& exchange, Json arguments);
  struct Entry {
    Tool tool;
    Run run;  // null: call_one()
  };
  template <class Request>
  void add(std::string name, std::string description, kernel::Effect effect, Run run);

  Task<Result<std::string>> search(Exchange& exchange, Json arguments);
  Task<Result<std::string>> describe(Exchange& exchange, Json arguments);
  Task<std::string> call_one(Exchange& exchange, Json arguments);
  Task<Result<std::string>> call_many(Exchange& exchange, Json arguments);
  Task<Result<std::string>> read_docs(Exchange& exchange, Json arguments);

  std::vector<std::shared_ptr<const kernel::Operation>> best(const kernel::Caller& caller,
                                                             std::string_view query, std::size_t limit) const;
  std::shared_ptr<const Search> index() const;

  kernel::CallPath& path_;
  Clock& clock_;
  CatalogCalls calls_;
  const Library* library_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Search> search_;  // shared with the requests that are under way
  mutable std::uint64_t searched_ = 0;            // the catalog's version that it is of
  std::vector<Entry> entries_;
};

// Puts in place of each {"$result": "/0/id"} in `arguments` what that JSON Pointer (RFC 6901) finds in
// `results`. Errors: invalid_argument.
Result<> fill_references(Json& arguments, const Json& results);

}  // namespace acloud::surfaces::mcp
