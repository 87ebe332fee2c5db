#include "mcp/servers.h"

namespace acloud::mcp {
namespace {

ServerInfo info_of(const Server& server) {
  Status status = server.status();
  ServerInfo info{.name = server.config().name,
                  .transport = server.config().url.empty() ? "stdio" : "http",
                  .state = status.state,
                  .since = status.since,
                  .tools = static_cast<std::int64_t>(status.tools),
                  .left_out = {},
                  .calls = static_cast<std::int64_t>(status.calls),
                  .connects = static_cast<std::int64_t>(status.connects),
                  .failures = static_cast<std::int64_t>(status.failures)};
  if (!status.reason.empty()) info.reason = std::move(status.reason);
  if (!status.version.empty()) info.revision = std::move(status.version);
  if (!status.server.empty()) info.server = std::move(status.server);
  for (RefusedTool& each : status.refused)
    info.left_out.push_back({std::move(each.tool), std::move(each.reason)});
  return info;
}

}  // namespace

Result<std::unique_ptr<Servers>> Servers::make(std::vector<ServerConfig> configs, Parts parts) {
  ACLOUD_CHECK(check(configs));
  std::unique_ptr<Servers> made(new Servers());
  if (configs.empty()) return made;
  std::ranges::sort(configs, {}, &ServerConfig::name);
  made->loop_ = std::make_unique<async::LoopThreads>(1);
  for (ServerConfig& config : configs) {
    const std::size_t place = made->servers_.size();
    made->servers_.push_back(std::make_unique<Server>(
        std::move(config),
        Server::Parts{.loop = made->loop_->at(0),
                      .clock = parts.clock,
                      .random = parts.random,
                      .secret_of = parts.secret_of,
                      .version = parts.version,
                      .offer = [servers = made.get(), place](const std::vector<Tool>& tools) {
                        if (servers->on_offer_) servers->on_offer_(*servers->servers_[place], tools);
                      }}));
  }
  return made;
}

void Servers::start() {
  for (const auto& server : servers_) server->start();
}

// All at once, since each may take seconds.
Task<> Servers::stop_all() {
  async::TaskScope scope;
  for (const auto& server : servers_) scope.spawn(server->stop());
  co_await scope.join();
}

void Servers::stop() {
  if (loop_ == nullptr) return;
  async::run_on(loop_->at(0), stop_all());
}

Task<Result<ServerList>> Servers::list(kernel::Context&, ListServers request) {
  ACLOUD_CO_TRY(const std::string after, kernel::from_cursor(request.cursor));
  ServerList list;
  for (const auto& server : servers_) {
    if (server->config().name <= after) continue;
    if (list.items.size() == static_cast<std::size_t>(request.limit)) {
      list.next_cursor = kernel::to_cursor(list.items.back().name);
      break;
    }
    list.items.push_back(info_of(*server));
  }
  co_return list;
}

std::string Servers::metrics() const {
  if (servers_.empty()) return "";
  std::vector<ServerInfo> all;
  all.reserve(servers_.size());
  for (const auto& server : servers_) all.push_back(info_of(*server));
  std::string text;
  const auto family = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
    text += fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
    for (const ServerInfo& info : all)
      text += fmt::format("{}{{server=\"{}\"}} {}\n", name, info.name, value(info));
  };
  family("acloud_mcp_server_up", "gauge", "Whether an outside MCP server is connected.",
         [](const ServerInfo& info) { return info.state == State::connected ? 1 : 0; });
  family("acloud_mcp_server_tools", "gauge", "Its tools that are operations.",
         [](const ServerInfo& info) { return info.tools; });
  family("acloud_mcp_server_calls", "gauge", "Calls of it that are under way.",
         [](const ServerInfo& info) { return info.calls; });
  family("acloud_mcp_server_connects_total", "counter", "Connections that succeeded.",
         [](const ServerInfo& info) { return info.connects; });
  family("acloud_mcp_server_failures_total", "counter", "Connections that failed or ended.",
         [](const ServerInfo& info) { return info.failures; });
  return text;
}

}  // namespace acloud::mcp
