// `acloud mcp`: MCP over standard input and output, for clients that start a program rather than reach a
// server. A message is a line; each is sent on to the server's /mcp, and what comes back is written as lines.
// Both revisions pass, since the server tells them apart.
#pragma once

#include <iosfwd>
#include <map>
#include <stop_token>
#include <string>

#include "async/task_scope.h"
#include "cli/server.h"
#include "surfaces/mcp/protocol.h"

namespace acloud::cli {

class McpBridge {
 public:
  static constexpr std::size_t kLineBytes = 16 << 20;

  // `path` is where the server speaks MCP.
  McpBridge(Server& server, int in, std::ostream& out, std::string path)
      : server_(server), in_(in), out_(out), path_(std::move(path)) {}

  // Until the input ends, and what was asked until then is answered. Errors: invalid_argument: a line is too
  // long; whatever reading says. That a request failed is told to the client.
  Task<Outcome<>> run();

 private:
  using Message = surfaces::mcp::Message;

  Task<Result<bool>> read_more();  // false at the end
  void take(std::string line);
  Task<> forward(std::string line, Message message);
  Task<Outcome<>> exchange(const std::string& line, const Message& message);
  Task<Result<>> pass_events(net::Response& response);
  net::Headers headers_for(const Message& message) const;
  // Learns the session from the answer to `initialize`.
  void learn(const Message& message, const net::Response& response);
  void write(std::string_view line);

  Server& server_;
  int in_;
  std::ostream& out_;
  std::string path_;
  std::string buffer_;
  std::string session_;
  async::TaskScope scope_;
  std::map<std::string, std::stop_source> running_;  // by the request's id
};

}  // namespace acloud::cli
