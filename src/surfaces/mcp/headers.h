// The headers in which a request of revision 2026-07-28 says again what its body says, for those between who
// do not read bodies.
#pragma once

#include "net/http.h"
#include "surfaces/mcp/offer.h"

namespace acloud::surfaces::mcp {

// A header's value as it is meant: "=?base64?...?=" decoded, anything else as it is.
// Errors: header_mismatch: no base64.
Rpc<std::string> header_text(std::string_view value);
// `text` as a header may carry it.
std::string header_value(const std::string& text);
// The field of a request's parameters that Mcp-Name says again; null where `method` has none.
const char* named_by(std::string_view method);
// Errors: header_mismatch, naming the header: it is missing, or says something else than the body.
Rpc<> check_headers(const net::Headers& headers, const Message& message);
// The same for those that `tool` wants of its arguments.
Rpc<> check_arguments(const net::Headers& headers, const Tool& tool, const Json& params);

}  // namespace acloud::surfaces::mcp
