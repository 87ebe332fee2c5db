// Serves the skills at the well-known addresses from which `npx skills add https://this.host` takes them: the
// newer form with archives and digests, and the older one with lists of files; each for the whole cloud, and
// below /<product> for one product alone.
//
// Their texts name the address at which the client reached this server. What was made for an address is kept
// for the next client; for how many addresses is bounded.
#pragma once

#include <list>
#include <map>
#include <mutex>
#include <string>

#include "base/lazy.h"
#include "net/http.h"
#include "surfaces/library.h"

namespace acloud::kernel {
class Catalog;
}

namespace acloud::surfaces::skills {

class Skills {
 public:
  // REQUIRES: the catalog is whole when a skill is first asked for, and outlives this.
  Skills(const kernel::Catalog& catalog, std::string_view version);

  static bool takes(const net::Request& request);
  // `origin` as origin_of() gives it. Errors: not_found; internal.
  Result<net::Response> handle(const net::Request& request, const std::string& origin);

  // For readers whose way here is not known: see kNoOrigin.
  const std::vector<Skill>& skills() const { return texts_().plain; }

 private:
  struct File {
    std::string bytes;
    std::string_view type;
    std::string etag;
  };
  // Everything that is served to those who come by one address, by its path below /.well-known/.
  using Shelf = std::map<std::string, File, std::less<>>;
  static constexpr std::size_t kShelvesMost = 16;

  Result<std::shared_ptr<const Shelf>> shelf_for(const std::string& origin);
  Result<Shelf> fill(const std::string& origin) const;

  struct Texts {
    std::vector<Skill> templates;
    std::vector<Skill> plain;
  };
  Lazy<Texts> texts_;
  std::mutex mutex_;  // guards what follows
  // The one used last comes first. Shared with the responses that are being made of it.
  std::list<std::pair<std::string, std::shared_ptr<const Shelf>>> shelves_;
};

}  // namespace acloud::surfaces::skills
