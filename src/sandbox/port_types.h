// Requests and replies about ports of a sandbox.
#pragma once

#include "base/schema.h"

namespace acloud::sandbox {

struct ConnectPort {
  std::string id;
  std::int64_t port = 0;
  static constexpr auto schema = fields(
      field("id", &ConnectPort::id, "Where.", required, length(1, 64)),
      field("port", &ConnectPort::port, "On the sandbox's own loopback.", required, between(1, 65'535)));
};

struct PortConnection {
  std::string id;
  std::int64_t port = 0;
  std::optional<std::string> content;
  static constexpr auto schema =
      fields(field("id", &PortConnection::id, "Of the sandbox."),
             field("port", &PortConnection::port, "What is connected with."),
             field("content", &PortConnection::content, "What the port says, as raw bytes alone."));
};

}  // namespace acloud::sandbox
