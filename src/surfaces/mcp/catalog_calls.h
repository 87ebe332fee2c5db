// Operations of the catalog as tools: how one is listed, called, and its reply told.
#pragma once

#include <string>

#include "kernel/call_path.h"
#include "surfaces/mcp/offer.h"

namespace acloud::surfaces::mcp {

// "sandbox_run_code": names with a dot are refused by many clients.
std::string tool_name(const kernel::Operation& operation);
Tool tool_of(const kernel::Operation& operation);
// What its effect tells a client, as ToolAnnotations.
OrderedJson annotations_of(kernel::Effect effect);
// False where no request of `caller` can be allowed: the operation is then not shown.
bool shown_to(const kernel::Caller& caller, const kernel::Operation& operation, Time now);

class CatalogCalls {
 public:
  CatalogCalls(kernel::CallPath& path, Random& random) : path_(path), random_(random) {}

  struct Options {
    bool dry_run = false;
    std::string idempotency_key;
  };
  // The reply as JSON text, once it may leave. Errors: those of CallPath::execute.
  Task<Result<std::string>> run(Exchange& exchange, std::string operation, Json arguments, Options options);
  // The reply of an operation without effects, at once; with `events` it is followed for as long as it goes
  // on.
  Task<Result<std::string>> read(const kernel::Caller& caller, const kernel::Operation& operation,
                                 Json arguments, kernel::EventSink* events);
  // Members of a CallToolResult; a failure is one too.
  Task<std::string> call(Exchange& exchange, std::string operation, Json arguments, Options options);

 private:
  kernel::CallPath& path_;
  Random& random_;
};

// Members of a CallToolResult whose content is `json`, as structure and, for clients that read texts, as
// text.
std::string structured_result(const std::string& json);
std::string error_result(const Error& error);

}  // namespace acloud::surfaces::mcp
