// The messages of src/mcp, which both sides of the protocol share, by the names that this side uses.
#pragma once

#include "mcp/protocol.h"

namespace acloud::surfaces::mcp {

using acloud::mcp::Code;
using acloud::mcp::error_message;
using acloud::mcp::kSessions;
using acloud::mcp::kSessionsBefore;
using acloud::mcp::kStateless;
using acloud::mcp::Message;
using acloud::mcp::notification_message;
using acloud::mcp::parse_message;
using acloud::mcp::refuse;
using acloud::mcp::refuse_with;
using acloud::mcp::request_message;
using acloud::mcp::result_message;
using acloud::mcp::Rpc;
using acloud::mcp::RpcError;

}  // namespace acloud::surfaces::mcp
