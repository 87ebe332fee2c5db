// The headers in which a request of revision 2026-07-28 says again what its body says, for those between who
// do not read bodies.
#pragma once

#include "mcp/header_value.h"
#include "net/http.h"
#include "surfaces/mcp/offer.h"

namespace acloud::surfaces::mcp {

using acloud::mcp::header_text;
using acloud::mcp::header_value;
// The field of a request's parameters that Mcp-Name says again; null where `method` has none.
const char* named_by(std::string_view method);
// Errors: header_mismatch, naming the header: it is missing, or says something else than the body.
Rpc<> check_headers(const net::Headers& headers, const Message& message);
// The same for those that `tool` wants of its arguments.
Rpc<> check_arguments(const net::Headers& headers, const Tool& tool, const Json& params);

}  // namespace acloud::surfaces::mcp
