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

  // The same with bytes on either side, for who has identified the caller before.
  struct Made {
    std::string request_id;
    std::string operation;
    Json arguments;
    net::Body* body = nullptr;  // the operation's body_in field
    bool wants_bytes = false;   // its body_out field alone
    std::string idempotency_key;
    telemetry::TraceContext trace;  // the caller's
  };
  Task<Result<kernel::Caller>> identify(const net::Request& request);
  // What it promises is on disk. Errors: as CallPath::execute.
  Task<Result<kernel::Reply>> make(const kernel::Caller& caller, Made made);
  // Keeps `body` in memory, or beyond 1 MiB in a file that goes with it. Errors: too_large beyond `most`
  // bytes.
  Task<Result<net::ReplayBody>> keep(net::Body& body, std::uint64_t most);
  // An error in the dialect's form, with what tells when to come again; those of the server are logged.
  net::Response refuse(const Error& error, const DialectStyle& style, const std::string& request_id,
                       std::string_view operation) const;

  std::string new_request_id() { return "req_" + parts_.random.hex(10); }

 private:
  class Out;
  struct Running;
  net::ReplayBody::Options keeping(std::uint64_t most) const;
  Task<Result<kernel::Payload>> payload_of(net::Request& request, Kind kind);
  Task<Result<kernel::Reply>> execute(net::Request& request, Kind kind, Running& running);

  Parts parts_;
};

}  // namespace acloud::surfaces
