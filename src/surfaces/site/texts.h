// What the site says, for one origin ("https://this.host"). Pure.
#pragma once

#include <string>

#include "kernel/catalog.h"
#include "surfaces/library.h"

namespace acloud::surfaces::site {

// The one line: `npx skills add https://this.host`.
std::string one_line(const std::string& origin);
// May an agent without a key make itself one?
bool takes_sign_ups(const kernel::Catalog& catalog);
// The home page in Markdown.
std::string home_markdown(const kernel::Catalog& catalog, const std::string& origin);
// llmstxt.org: what there is, with links to its Markdown.
std::string llms_txt(const kernel::Catalog& catalog, const std::vector<Page>& pages,
                     const std::string& origin);
// The same, followed by every page in full.
std::string llms_full_txt(const kernel::Catalog& catalog, const std::vector<Page>& pages,
                          const std::string& origin);
// RFC 9727: a linkset of the APIs that are here.
std::string api_catalog(const std::string& origin);
// What MCP's server card extension tells before a connection. REQUIRES: an origin of origin_of().
std::string mcp_server_card(const std::string& origin, const std::string& version, bool key_needed = true);
// The Link header that every form of the home page carries.
std::string home_links();

}  // namespace acloud::surfaces::site
