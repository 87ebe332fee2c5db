// The server that a command calls, over HTTP.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "async/event_loop.h"
#include "cli/failure.h"
#include "cli/settings.h"
#include "net/client.h"

namespace acloud::cli {

class Server {
 public:
  Server(async::EventLoop& loop, Settings settings, std::string version);

  // The response to a GET, whatever its status; it must begin within seconds.
  // Errors: unavailable and deadline_exceeded; a server that can't be connected to is `unreachable`.
  Task<Outcome<net::Response>> get(std::string path, net::Headers headers);
  // The response to a POST; one of status 400 or above is the error that the server says it is.
  Task<Outcome<net::Response>> post(std::string path, net::Headers headers, net::Body body);

  // The response to any request, whatever its status. Errors: as get().
  Task<Outcome<net::Response>> send(net::Request request, net::Client::Times times);

  // From now on: for an operation that is for those who have none.
  void leave_key_out() { settings_.key.clear(); }

  const Settings& settings() const { return settings_; }

 private:
  Settings settings_;
  std::string version_;
  net::Url url_;
  net::Client client_;
};

// The error in a body of the documented shape; where it has none, what the status means.
Failure failure_of(int status, std::string_view body, const net::Headers& headers);

}  // namespace acloud::cli
