// A request and a reply in a dialect's own bytes, for operations that pass on what came as it came.
#pragma once

#include <string>

#include "base/json_outline.h"
#include "net/http.h"
#include "net/replay_body.h"

namespace acloud::kernel {

// A request as it came, beside the few fields of a Call that routing, policy and metering need.
struct Payload {
  std::string form;      // what the bytes are, in words that the operation knows: "openai.chat_completions"
  net::Headers headers;  // those that belong to the dialect
  std::string query;     // of the request's target, as it came
  net::ReplayBody body;
  JsonOutline outline;  // of the body
  bool batch = false;   // a line of a batch: nobody waits for it, and it has its own price
};

// Where a reply goes that begins to leave while its handler runs. What the handler then gives as the bytes of
// its reply is the last piece: the surface sends it when the call's gate is open.
class ReplyStream {
 public:
  virtual ~ReplyStream() = default;
  // Status 200, these headers, and the first bytes. REQUIRES: called once.
  // Errors: unavailable (the client is gone), cancelled.
  virtual Task<Result<>> begin(net::Headers headers, std::string_view first) = 0;
  // Errors: as begin(). Waiting is back-pressure.
  virtual Task<Result<>> write(std::string_view bytes) = 0;
  virtual bool begun() const = 0;
};

}  // namespace acloud::kernel
