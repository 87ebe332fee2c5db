// The two revisions of MCP that are served, and all in which they differ but how a connection begins
// (http.cc):
//
//   2026-07-28  every request stands alone and says in its _meta who the client is and what it can do; a
//               question to the client is a result, which the client answers by asking again
//   2025-11-25  a session begins with `initialize`; a question to the client is a request of the server's
#pragma once

#include <array>
#include <optional>
#include <string>

#include "surfaces/mcp/protocol.h"
#include "telemetry/trace.h"

namespace acloud::surfaces::mcp {

enum class Revision { stateless, sessions };

inline constexpr std::string_view kTasks = "io.modelcontextprotocol/tasks";
inline constexpr std::string_view kSkills = "io.modelcontextprotocol/skills";

enum class LogLevel { debug, info, notice, warning, error, critical, alert, emergency };
constexpr auto enum_names(LogLevel) {
  using enum LogLevel;
  return std::array<std::pair<LogLevel, std::string_view>, 8>{{{debug, "debug"},
                                                               {info, "info"},
                                                               {notice, "notice"},
                                                               {warning, "warning"},
                                                               {error, "error"},
                                                               {critical, "critical"},
                                                               {alert, "alert"},
                                                               {emergency, "emergency"}}};
}
std::optional<LogLevel> log_level(std::string_view name);
std::string_view name_of(LogLevel level);

// Who asks, as far as the protocol goes; of a request that stands alone, or of its session.
struct Client {
  Revision revision = Revision::stateless;
  Json capabilities = Json::object();
  std::optional<LogLevel> log_level;  // nothing: no log messages are wanted
  Json progress_token;                // null: no progress is wanted
  Json input_responses;               // to the questions of the round before; null where there are none
  std::string request_state;          // of the round before, still sealed; "" for none
  telemetry::TraceContext trace;      // _meta's traceparent and tracestate

  bool can(std::string_view capability) const { return capabilities.contains(capability); }
  bool has_extension(std::string_view name) const;
};

// What a method gives.
struct Answer {
  enum class Kind { complete, input_required, task };
  Kind kind = Kind::complete;
  std::string members;     // of the result, as JSON text without the braces: "\"tools\":[]"; "" for none
  bool cacheable = false;  // lists, and what is read
  bool passing = false;    // may be another a moment later
  bool shared = false;     // the same for every caller
};

// Fills in what `params._meta` says of the client of a request that stands alone.
// Errors: invalid_params: what must be there is missing or malformed.
Rpc<Client> read_client(const Json& params);
// Adds what each request of either revision says: progress token, input responses, request state.
// Errors: invalid_params.
Rpc<> read_request(const Json& params, Client& client);

// The result, as JSON text. `server` is who this server is, as JSON text of an Implementation.
std::string finish(Revision revision, const Answer& answer, std::string_view server);

// May a client of this revision call `method`?
bool has_method(Revision revision, std::string_view method);
Code no_such_resource(Revision revision);
// The HTTP status that carries `error`. REQUIRES: the error came from dispatching or from a method.
int http_status(Revision revision, Code code);

}  // namespace acloud::surfaces::mcp
