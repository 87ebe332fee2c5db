// What is said over a transport: how it begins, and the few methods that a client of tools needs. All in
// which the revisions differ for a client is here, but for the headers of HTTP.
#pragma once

#include "mcp/tool.h"
#include "mcp/transport.h"

namespace acloud::mcp {

class Session {
 public:
  // `client`: who this is, as JSON text of an Implementation.
  Session(Transport& transport, std::string client) : transport_(transport), client_(std::move(client)) {}

  struct Hello {
    std::string version;  // the revision that is spoken from now on
    std::string server;   // "name version", as far as it says
    bool lists_change = false;
  };
  // Asks for 2026-07-28 and, where that is not known, begins a session of an older revision; with
  // `older_first` only that, for servers that do not survive the question.
  // Errors: unavailable.
  Task<Result<Hello>> begin(bool older_first);

  // Adds all pages. Errors: unavailable.
  Task<Result<>> list(ToolList& tools);
  // The reply as JSON text: {"content":[...]} and perhaps "structuredContent".
  // Errors: invalid_argument (the tool says that it failed, or that its arguments are wrong), not_found (it
  // has no such tool any more), unavailable.
  Task<Result<std::string>> call(const Tool& tool, Json arguments);
  // Errors: unavailable: there is no sign of life.
  Task<Result<>> ping();
  // What asks to be told of changes; no method where the transport's own stream does.
  Request listening() const;

 private:
  Task<Result<Hello>> discover();
  Task<Result<Hello>> initialize();
  Task<Result<Json>> result_of(std::string method, std::string params, const Tool* tool);
  std::string params_with_meta(std::string params) const;

  Transport& transport_;
  std::string client_;
  bool stateless_ = false;
};

}  // namespace acloud::mcp
