// Text as the value of one of MCP's own headers: as it is where a header can carry it, else in base64 between
// marks (revision 2026-07-28, basic/transports).
#pragma once

#include <string>

#include "mcp/protocol.h"

namespace acloud::mcp {

std::string header_value(const std::string& text);
// The other way. Errors: header_mismatch: the marks stand around what is not base64.
Rpc<std::string> header_text(std::string_view value);

}  // namespace acloud::mcp
