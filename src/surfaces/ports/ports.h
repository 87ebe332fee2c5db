// Ports of sandboxes, as servers behind this one: HTTP and whatever upgrades from it, such as WebSockets.
//
//   /sandboxes/{id}/ports/{port}/PATH       any request, to PATH at that port
//   Host: {port}-{id}.DOMAIN                the same, as the clients of E2B's getHost() have it
//   E2b-Sandbox-Id and E2b-Sandbox-Port     likewise
//
// Each request is a call of sandbox.connect_port, whose bytes it then speaks HTTP with. What answers is code
// that nobody has read: it never sees the key that the request came with, and where it answers at this
// server's own address a browser is told to treat it as a stranger, and it sets no cookies.
#pragma once

#include <optional>
#include <string>

#include "kernel/call_path.h"
#include "net/http.h"

namespace acloud::surfaces {

class Ports {
 public:
  Ports(kernel::CallPath& path, Random& random) : path_(path), random_(random) {}

  // Says in headers what the host name "{port}-{id}.DOMAIN" says, so that there is one way to ask from here
  // on.
  static void read_host(net::Request& request);
  // True for requests to ports, but those that E2B's own services have.
  static bool takes(const net::Request& request);
  Task<net::Response> handle(net::Request& request);

  // A port, as a request names it: nothing of it is checked yet, but that it is named.
  struct Asked {
    std::string sandbox;
    std::string port;
    std::string target;  // begins with '/' where the request's own does
    std::string prefix;  // of the path, before `target`; "" where the whole host is the port's
  };
  static std::optional<Asked> parse(const net::Request& request);

 private:
  Task<Result<net::Response>> pass(net::Request& request, const Asked& asked, const std::string& request_id);

  kernel::CallPath& path_;
  Random& random_;
};

}  // namespace acloud::surfaces
