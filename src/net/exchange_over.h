// One HTTP/1.1 exchange over a byte stream that somebody else has opened, for servers that can't be dialled.
#pragma once

#include <chrono>
#include <memory>

#include "net/http.h"

namespace acloud::net {

// Sends `request` and reads the response's head; its body then reads from the stream, which is closed with
// it. The request is not touched any more when this returns: an answer of 300 and above that comes before the
// body was sent ends the sending. `Connection: close` is added, unless the request asks for an upgrade; where
// the server agrees to that (101) the response has a take_over, which copies both ways until both sides end.
// `wait`: for the response's head, and between pieces of its body.
// Errors: unavailable (the stream broke, or what came is not HTTP), deadline_exceeded, cancelled,
// invalid_argument (the request can't be written as HTTP).
Task<Result<Response>> exchange_over(std::unique_ptr<ByteStream> stream, Request& request,
                                     std::chrono::milliseconds wait);

}  // namespace acloud::net
