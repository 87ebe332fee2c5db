// Requests and replies of product `mcp_server`.
#pragma once

#include "kernel/page.h"
#include "mcp/server.h"

namespace acloud::mcp {

struct LeftOutTool {
  std::string tool;
  std::string reason;
  static constexpr auto schema =
      fields(field("tool", &LeftOutTool::tool, "As the server names it.", required),
             field("reason", &LeftOutTool::reason, "Why.", required));
};

struct ServerInfo {
  std::string name;
  std::string transport;
  State state = State::starting;
  std::optional<std::string> reason;
  Time since;
  std::optional<std::string> revision;
  std::optional<std::string> server;
  std::int64_t tools = 0;
  std::vector<LeftOutTool> left_out;
  std::int64_t calls = 0;
  std::int64_t connects = 0;
  std::int64_t failures = 0;
  static constexpr auto schema =
      fields(field("name", &ServerInfo::name, "Its tools are the operations <name>.<tool>.", required),
             field("transport", &ServerInfo::transport, "\"stdio\" or \"http\".", required),
             field("state", &ServerInfo::state, "Whether it can be called.", required),
             field("reason", &ServerInfo::reason, "Why it fails; it is tried again by itself."),
             field("since", &ServerInfo::since, "How long it has been so.", required),
             field("revision", &ServerInfo::revision, "Of MCP, as it is spoken with it."),
             field("server", &ServerInfo::server, "What it calls itself."),
             field("tools", &ServerInfo::tools, "How many of its tools are operations.", required),
             field("left_out", &ServerInfo::left_out, "Tools that are not, the first 100.", required),
             field("calls", &ServerInfo::calls, "That are under way.", required),
             field("connects", &ServerInfo::connects, "How often it was connected since the server's start.",
                   required),
             field("failures", &ServerInfo::failures, "How often that failed or ended.", required));
};

struct ListServers {
  std::int64_t limit = kernel::kPageDefault;
  std::optional<std::string> cursor;
  static constexpr auto schema =
      fields(field("limit", &ListServers::limit, "How many at most.", between(1, kernel::kPageMost)),
             field("cursor", &ListServers::cursor, "The next_cursor of the page before."));
};

struct ServerList {
  std::vector<ServerInfo> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema = fields(field("items", &ServerList::items, "By name.", required),
                                        field("next_cursor", &ServerList::next_cursor, "Of the next page."));
};

}  // namespace acloud::mcp
