// What acloud.toml says of an outside MCP server: [[mcp_server]].
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/schema.h"

namespace acloud::mcp {

// a-z and digits, a letter first, at most 32, and no name that this cloud or its command line has for itself.
// Without underscores, so that no two tools of a model (`<server>_<tool>`) have the same name.
bool is_server_name(std::string_view text);

struct ServerConfig {
  std::string name;
  std::string summary;
  std::string command;
  std::vector<std::string> args;
  std::map<std::string, std::string> env;
  std::string cwd;
  std::string url;
  std::string bearer;
  std::map<std::string, std::string> headers;
  std::string ca_file;
  std::vector<std::string> tools;
  bool trust_annotations = true;
  std::chrono::milliseconds timeout{60'000};
  std::chrono::milliseconds start_time{60'000};

  static constexpr auto schema = fields(
      field("name", &ServerConfig::name, "Its tools are the operations <name>.<tool>.", required,
            form(is_server_name, "a name of a-z and digits that is still free")),
      field("summary", &ServerConfig::summary, "What it is for, in one line, as a product of the catalog.",
            length(0, 300)),
      field("command", &ServerConfig::command,
            "A program that speaks MCP over its standard input and output.", length(0, 4096)),
      field("args", &ServerConfig::args, "Its arguments.", length(0, 256)),
      field(
          "env", &ServerConfig::env,
          "Its environment, beside PATH, HOME and the like. env:NAME and file:PATH stand for what is there.",
          length(0, 256)),
      field("cwd", &ServerConfig::cwd, "The folder it runs in. Empty: the server's own.", length(0, 4096)),
      field("url", &ServerConfig::url, "Or where one is reached by streamable HTTP.", length(0, 2000)),
      field("bearer", &ServerConfig::bearer,
            "Sent as Authorization: Bearer: env:NAME or file:PATH, never the key itself.", length(0, 2000)),
      field("headers", &ServerConfig::headers,
            "Sent with every request. env:NAME and file:PATH stand for what is there.", length(0, 64)),
      field("ca_file", &ServerConfig::ca_file, "PEM file with the authorities that it is trusted by.",
            length(0, 4096)),
      field("tools", &ServerConfig::tools,
            "Those of its tools that are taken, as patterns with *. Empty: all.", length(0, 1000)),
      field("trust_annotations", &ServerConfig::trust_annotations,
            "Believe what its tools say of their effect. Else each counts as one that destroys."),
      field("timeout_s", &ServerConfig::timeout, "For a call of a tool.",
            between(std::chrono::milliseconds(1), std::chrono::hours(24))),
      field("start_time_s", &ServerConfig::start_time, "For its start, until its tools are known.",
            between(std::chrono::milliseconds(1), std::chrono::hours(1))));
};

// What the fields alone can't say: either a command or a url, each with its own fields; no name twice.
// Errors: invalid_argument, naming the server.
Result<> check(const std::vector<ServerConfig>& servers);

// Gives what "env:NAME" and the like stand for. Errors: what is missing or malformed.
using SecretOf = std::function<Result<std::string>(std::string_view reference)>;
// `value` itself, or what it stands for where it is such a reference.
Result<std::string> resolved(const std::string& value, const SecretOf& secret_of);

}  // namespace acloud::mcp
