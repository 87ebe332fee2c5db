// Include it in .cc files of src/net alone.
#pragma once

#include "net/client_connection.h"

namespace acloud::net {

// Shakes hands for a WebSocket on a new connection, within `time`.
// Errors: unavailable (not a WebSocket, refused: details.status), deadline_exceeded, cancelled; in phase
// "headers".
Task<Result<std::unique_ptr<WebSocket>>> open_websocket(std::unique_ptr<Connection> connection, const Url& to,
                                                        Headers headers, std::chrono::milliseconds time);

}  // namespace acloud::net
