// The ways out of a sandbox. Its network has no route to anywhere, so each way is a socket that listens on
// the sandbox's own loopback and that the server itself accepts on: nothing inside forwards a byte, and
// whatever comes in by such a socket is known to come from that sandbox.
//
// Open gates hold the sandbox's network namespace, so they are closed with it. They end with the server; the
// next one opens them anew.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "async/wait.h"
#include "base/error.h"
#include "net/server.h"
#include "sandbox/egress/egress_types.h"
#include "sandbox/egress/proxy.h"
#include "sandbox/jail/jail.h"

namespace acloud::sandbox {

inline constexpr std::uint16_t kCloudPort = 7300;  // these two: inside
inline constexpr std::uint16_t kProxyPort = 3128;

// Serves what comes in at a listening socket of the sandbox of that id.
using OpenDoor = std::function<std::unique_ptr<net::Server::Door>(jail::Fd listener, std::string sandbox)>;

// What is behind the gates; the same for all sandboxes.
struct Outside {
  OpenDoor cloud;
  egress::Proxy* proxy = nullptr;
};

// Of one sandbox. Used by one task at a time.
class Gates {
 public:
  Gates(const Outside& outside, std::string workspace)
      : outside_(outside), workspace_(std::move(workspace)) {}

  // Opens those that `wanted` asks for and closes the others; those that are open already stay so.
  // Errors: conflict (a program inside listens on the port); as Jail::listen; invalid_argument (a rule).
  Task<Result<>> set(jail::Jail& jail, const Egress& wanted, async::Deadline by);
  // Closes those that `wanted` does not ask for.
  void close_others(const Egress& wanted);

 private:
  const Outside& outside_;
  const std::string workspace_;
  std::unique_ptr<net::Server::Door> cloud_;
  std::unique_ptr<egress::Proxy::Gate> proxy_;
};

// What programs find in their environment. The caller's own words go before these.
std::map<std::string, std::string> egress_environment(const Egress& wanted);

}  // namespace acloud::sandbox
