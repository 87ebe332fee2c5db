#include "mcp/server_config.h"

#include <set>

#include "net/client.h"

namespace acloud::mcp {
namespace {

// Words of the command line, and products that this cloud has or is going to have.
constexpr std::array<std::string_view, 33> kTaken{
    "acloud",   "approval", "audit",  "auth",  "budget",   "completion", "conformance", "console", "control",
    "database", "doctor",   "help",   "key",   "learning", "login",      "mcp",         "memory",  "model",
    "network",  "object",   "policy", "queue", "run",      "sandbox",    "schedule",    "schema",  "secret",
    "serve",    "skills",   "task",   "usage", "version",  "workspace"};
constexpr std::size_t kNameBytes = 32;
constexpr std::size_t kServers = 100;

bool is_reference(std::string_view value) {
  return value.starts_with("env:") || value.starts_with("file:") || value.starts_with("secret:");
}

Result<> check_stdio(const ServerConfig& server) {
  if (server.bearer.empty() && server.headers.empty() && server.ca_file.empty()) return {};
  return fail(ErrorCode::invalid_argument,
              "mcp_server {}: bearer, headers and ca_file go with url, not with "
              "command",
              server.name);
}

Result<> check_http(const ServerConfig& server) {
  const auto wrong = [&server](std::string_view field, std::string_view why) {
    return fail(ErrorCode::invalid_argument, "mcp_server {}: {}: {}", server.name, field, why);
  };
  if (!server.args.empty() || !server.env.empty() || !server.cwd.empty())
    return wrong("url", "args, env and cwd go with command");
  if (const auto url = net::parse_url(server.url); !url) return wrong("url", url.error().message());
  if (!server.bearer.empty() && !is_reference(server.bearer))
    return wrong("bearer", "is given as env:NAME or file:PATH, never as itself");
  return {};
}

}  // namespace

bool is_server_name(std::string_view text) {
  const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
  return !text.empty() && text.size() <= kNameBytes && letter(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); }) &&
         std::ranges::find(kTaken, text) == kTaken.end();
}

Result<> check(const std::vector<ServerConfig>& servers) {
  if (servers.size() > kServers)
    return fail(ErrorCode::invalid_argument, "mcp_server: {} are more than {}", servers.size(), kServers);
  std::set<std::string_view> names;
  for (const ServerConfig& server : servers) {
    if (!names.insert(server.name).second)
      return fail(ErrorCode::invalid_argument, "mcp_server {}: two have this name", server.name);
    if (server.command.empty() == server.url.empty())
      return fail(ErrorCode::invalid_argument, "mcp_server {}: give either command or url", server.name);
    ACLOUD_CHECK(server.url.empty() ? check_stdio(server) : check_http(server));
  }
  return {};
}

Result<std::string> resolved(const std::string& value, const SecretOf& secret_of) {
  if (!is_reference(value)) return value;
  return secret_of(value);
}

}  // namespace acloud::mcp
