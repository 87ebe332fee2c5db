// What the surfaces of other clouds' dialects share: a request becomes a call with its bytes as they came,
// and the reply's bytes leave as they are, streamed while the handler runs, its last ones when the call is
// settled.
#pragma once

#include <string>

#include "kernel/call_path.h"
#include "net/http.h"

namespace acloud::surfaces {

// How a dialect tells of errors.
class DialectStyle {
 public:
  virtual ~DialectStyle() = default;
  virtual net::Response error(const Error& error, const std::string& request_id) const = 0;
  // The events that end a stream that has begun.
  virtual std::string stream_error(const Error& error, const std::string& request_id) const = 0;
  // What every response carries.
  virtual void stamp(net::Headers& headers, const std::string& request_id) const = 0;
};

class DialectCalls {
 public:
  struct Parts {
    kernel::CallPath& path;
    Random& random;
    async::BlockingPool& files;
    std::string folder;  // for bodies that are too large for memory
  };
  explicit DialectCalls(Parts parts) : parts_(std::move(parts)) {}

  struct Kind {
    std::string_view operation;  // "model.chat"
    std::string_view form;       // "openai.chat_completions"
  };
  // Answers `request`, whichever way it goes.
  Task<net::Response> run(net::Request& request, Kind kind, const DialectStyle& style);

  // A call with JSON in and out, for the dialect to translate. Errors: as CallPath::execute.
  Task<Result<Json>> call(net::Request& request, std::string operation, Json arguments);
  std::string new_request_id() { return "req_" + parts_.random.hex(10); }

 private:
  class Out;
  struct Running;
  Task<Result<kernel::Payload>> payload_of(net::Request& request, Kind kind);
  Task<Result<kernel::Reply>> execute(net::Request& request, Kind kind, Running& running);
  net::Response refuse(const Error& error, const DialectStyle& style, const std::string& request_id,
                       Kind kind) const;

  Parts parts_;
};

}  // namespace acloud::surfaces
