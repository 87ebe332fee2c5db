#include "surfaces/site/texts.h"

#include "surfaces/skills/skill_writer.h"

namespace acloud::surfaces::site {
namespace {

constexpr std::string_view kWhat =
    "acloud is a cloud for AI agents: sandboxes that start in milliseconds, models, storage and more, each a "
    "function that an agent finds, calls and pays for by itself, within the bounds that people set.";

// "https://cloud.example:8443" is named "example.cloud/mcp", as reverse DNS has it.
std::string card_name(std::string_view origin) {
  std::string_view host = origin.substr(origin.find("//") + 2);
  if (host.starts_with('[')) return "acloud/mcp";
  host = host.substr(0, host.find(':'));
  std::string name;
  while (!host.empty()) {
    const auto dot = host.rfind('.');
    const std::string_view label = dot == host.npos ? host : host.substr(dot + 1);
    if (!label.empty()) name += (name.empty() ? "" : ".") + std::string(label);
    host = dot == host.npos ? std::string_view() : host.substr(0, dot);
  }
  return name + "/mcp";
}

std::string begin_llms(const kernel::Catalog& catalog, const std::string& origin) {
  std::string text = fmt::format(
      "# acloud\n\n> {}\n\nGive them to your agent as skills: `{}`. Or connect MCP to {}/mcp. Or call "
      "`POST {}/api/PRODUCT/OPERATION` with JSON. Each needs `Authorization: Bearer KEY`; whoever runs this "
      "cloud gives keys.\n",
      kWhat, one_line(origin), origin, origin);
  if (takes_sign_ups(catalog)) {
    text += fmt::format(
        "\nNo key yet? `curl -sS {}/api/workspace/sign_up -d '{{\"name\":\"my-agent\"}}'` makes you a "
        "workspace with a small budget and gives its key, once. No key is needed for this call.\n",
        origin);
  }
  return text;
}

}  // namespace

std::string one_line(const std::string& origin) { return "npx skills add " + origin; }

bool takes_sign_ups(const kernel::Catalog& catalog) { return catalog.find("workspace.sign_up").has_value(); }

std::string home_markdown(const kernel::Catalog& catalog, const std::string& origin) {
  std::string text = fmt::format(
      "# acloud\n\n```sh\n{}\n```\n\n{}\n\n- [What there is, for models]({}/llms.txt)\n- "
      "[Documentation]({}/docs)\n"
      "- [OpenAPI]({}/openapi.json)\n- MCP: {}/mcp\n",
      one_line(origin), kWhat, origin, origin, origin, origin);
  if (takes_sign_ups(catalog))
    text += fmt::format("- A workspace and a key of your own, without a key: POST {}/api/workspace/sign_up\n",
                        origin);
  return text;
}

std::string llms_txt(const kernel::Catalog& catalog, const std::vector<Page>& pages,
                     const std::string& origin) {
  std::string text = begin_llms(catalog, origin) + "\n## Products\n\n";
  for (const kernel::Product& product : catalog.declared()) {
    text += fmt::format("- [{}]({}/.well-known/skills/{}/SKILL.md): {}\n", product.name(), origin,
                        skills::skill_name(product.name()), product.summary());
  }
  text += "\n## Documentation\n\n";
  for (const Page& page : pages) text += fmt::format("- [{}]({}/docs/{})\n", page.title, origin, page.path);
  return text +
         fmt::format(
             "\n## Optional\n\n- [All pages in one]({0}/llms-full.txt)\n- [OpenAPI]({0}/openapi.json)\n"
             "- [APIs that are here]({0}/.well-known/api-catalog)\n",
             origin);
}

std::string llms_full_txt(const kernel::Catalog& catalog, const std::vector<Page>& pages,
                          const std::string& origin) {
  std::string text = llms_txt(catalog, pages, origin);
  for (const Page& page : pages) text += "\n---\n\n" + page.text;
  return text;
}

std::string api_catalog(const std::string& origin) {
  const auto link = [&](std::string_view path, std::string_view type) {
    return OrderedJson::array({OrderedJson{{"href", origin + std::string(path)}, {"type", type}}});
  };
  const OrderedJson rest = {{"anchor", origin + "/api"},
                            {"service-desc", link("/openapi.json", "application/json")},
                            {"service-doc", link("/docs/api", "text/html")},
                            {"service-meta", link("/llms.txt", "text/markdown")},
                            {"status", link("/healthz", "text/plain")}};
  const OrderedJson mcp = {{"anchor", origin + "/mcp"},
                           {"service-desc", link("/.well-known/mcp/server-card.json", "application/json")}};
  const OrderedJson skills = {
      {"anchor", origin + "/.well-known/agent-skills/"},
      {"service-desc", link("/.well-known/agent-skills/index.json", "application/json")}};
  return OrderedJson{{"linkset", OrderedJson::array({rest, mcp, skills})}}.dump();
}

std::string mcp_server_card(const std::string& origin, const std::string& version, bool key_needed) {
  const OrderedJson key = {{"name", "Authorization"},
                           {"description", "Bearer and an API key of this cloud."},
                           {"isRequired", key_needed},
                           {"isSecret", true}};
  const OrderedJson remote = {{"type", "streamable-http"},
                              {"url", origin + "/mcp"},
                              {"supportedProtocolVersions", {"2026-07-28", "2025-11-25"}},
                              {"headers", OrderedJson::array({key})}};
  return OrderedJson{{"$schema", "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json"},
                     {"name", card_name(origin)},
                     {"version", version},
                     {"title", "acloud"},
                     {"description", "Sandboxes, models and storage for agents: search, describe and call."},
                     {"websiteUrl", origin},
                     {"remotes", OrderedJson::array({remote})}}
      .dump();
}

std::string home_links() {
  return "</llms.txt>; rel=\"describedby\"; type=\"text/markdown\", "
         "</.well-known/api-catalog>; rel=\"api-catalog\", "
         "</openapi.json>; rel=\"service-desc\"; type=\"application/json\", "
         "</docs>; rel=\"service-doc\"; type=\"text/html\", "
         "</.well-known/agent-skills/index.json>; rel=\"describedby\"; type=\"application/json\"";
}

}  // namespace acloud::surfaces::site
