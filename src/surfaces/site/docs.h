// The documentation under /docs: the repository's own Markdown, which the program carries. Pages of docs/ are
// at /docs/NAME, others where their place in the repository says: /docs/source/bench.
#pragma once

#include <map>
#include <mutex>
#include <span>
#include <string>

#include "surfaces/embedded.h"
#include "surfaces/library.h"

namespace acloud::surfaces::site {

class Docs {
 public:
  explicit Docs(std::span<const EmbeddedText> texts);

  struct Html {
    std::string title;
    std::string body;
  };
  // Of the page at `address` ("/docs/api"), rendered when it is first asked for. Null where there is none.
  const Html* html(std::string_view address);
  // The same page's Markdown, whose links lead to addresses of this site. Nothing where there is none.
  std::optional<std::string> markdown(std::string_view address) const;

  // The pages of docs/ itself.
  const std::vector<Page>& pages() const { return pages_; }

 private:
  struct Entry {
    const EmbeddedText* text;
    std::optional<Html> html;
  };
  // The address to which a link of the page at `path` leads.
  std::optional<std::string> resolve(std::string_view path, std::string_view link) const;

  std::map<std::string, std::string, std::less<>> addresses_;  // of each path
  std::vector<Page> pages_;
  std::mutex mutex_;                                   // guards `html` of the entries
  std::map<std::string, Entry, std::less<>> entries_;  // by address
};

// Where the page of `path` ("docs/api.md") is served.
std::string address_of_page(std::string_view path);

}  // namespace acloud::surfaces::site
