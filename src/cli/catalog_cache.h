// The catalog of each server, kept in $XDG_CACHE_HOME/acloud so that help, completion and calls don't fetch
// it every time. A copy older than a few minutes is checked with its ETag.
#pragma once

#include "cli/catalog.h"
#include "cli/server.h"
#include "cli/world.h"

namespace acloud::cli {

class CatalogCache {
 public:
  explicit CatalogCache(const World& world) : world_(world) {}

  enum class Need {
    known,   // any copy will do: for completion, which must be quick
    recent,  // a copy of the last minutes
    newest,  // ask the server: what was typed is not in the copy
  };
  // Errors: those of Server::get; unavailable where the server answers something else.
  Task<Outcome<Catalog>> get(Server& server, Need need);
  // True where the last get() asked the server.
  bool asked() const { return asked_; }
  // The file for `url`; "" where there is no home to put it.
  std::string path(const std::string& url) const;

 private:
  struct Copy {
    std::string etag;
    Time fetched{};
    std::string document;
  };
  std::optional<Copy> load(const std::string& url) const;
  void save(const std::string& url, const Copy& copy) const;

  const World& world_;
  bool asked_ = false;
};

}  // namespace acloud::cli
