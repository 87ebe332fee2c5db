// What of the network a sandbox may reach: as it is asked for, kept in the record, and shown.
#pragma once

#include <string>
#include <vector>

#include "base/schema.h"

namespace acloud::sandbox {

struct Egress {
  bool cloud = false;
  std::vector<std::string> allow, deny;
  bool operator==(const Egress&) const = default;
  static constexpr auto schema = fields(
      field("cloud", &Egress::cloud,
            "This cloud's own API answers inside at http://127.0.0.1:7300 (in ACLOUD_URL), to whoever has a "
            "key."),
      field(
          "allow", &Egress::allow,
          "What the proxy inside, http://127.0.0.1:3128 (in HTTPS_PROXY), connects with: \"example.com\", "
          "\"*.example.com\", \"192.0.2.0/24\", or \"*\" for all of the public internet; \":443\" behind it "
          "for one port. Addresses that are not public only where a network or an address names them.",
          length(0, 256)),
      field("deny", &Egress::deny, "What it does not, whatever `allow` says. The same forms.",
            length(0, 256)));
};

}  // namespace acloud::sandbox
