// The REST surface: POST /api/<product>/<operation>, JSON in and out, and the descriptions beside it.
//
// It decides nothing: a request becomes a Call, a Reply or an Error becomes a response. An operation whose
// request has a raw-body field takes it as the body itself, the other fields then being in the query; one
// whose reply has one gives it as it is where the client accepts application/octet-stream; a streaming one
// gives server-sent events where the client accepts text/event-stream: the operation's own, then "result"
// with the reply, or "error".
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "kernel/call_path.h"
#include "net/http.h"
#include "surfaces/rest/metrics.h"

namespace acloud::surfaces {

// The documented shape of an error, as a response. `request_id` is made where it is empty.
net::Response to_response(const Error& error, const std::string& request_id);
// 405, with what is allowed.
net::Response wrong_method(const net::Request& request, const std::string& allowed);

class Rest {
 public:
  static constexpr std::size_t kJsonBytes = 16 << 20;

  Rest(kernel::CallPath& path, Metrics& metrics, Clock& clock, Random& random, std::string_view version);

  // Everything that no other surface has taken.
  Task<net::Response> handle(net::Request& request);
  // From now on /readyz says 503, so that a load balancer looks elsewhere.
  void set_draining() { draining_ = true; }

 private:
  Task<net::Response> route(net::Request& request);
  Task<net::Response> call(net::Request& request, std::string operation);
  Task<Result<net::Response>> try_call(net::Request& request, std::string operation, std::string request_id);
  Task<Result<>> fill_arguments(net::Request& request, const kernel::Operation& operation,
                                kernel::Call& call);
  net::Response stream(kernel::Caller caller, kernel::Call call);
  // What describes the catalog, made anew where that has changed.
  struct Document {
    std::string text, etag;
  };
  struct Documents {
    std::uint64_t version;
    Document catalog, openapi;
  };
  // Made when they are first asked for, and where the catalog has changed: that takes longer than all else of
  // a start.
  std::shared_ptr<const Documents> documents();
  static net::Response answer(const net::Request& request, const Document& document);

  kernel::CallPath& path_;
  Metrics& metrics_;
  Clock& clock_;
  Random& random_;
  const std::string version_;
  std::mutex mutex_;
  std::shared_ptr<const Documents> documents_;  // shared with the requests that are under way
  std::atomic<bool> draining_{false};
};

}  // namespace acloud::surfaces
