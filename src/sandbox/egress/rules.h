// What a sandbox may reach: lists of hosts and networks, and the one question of each connection.
//
// A rule is "example.com", "*.example.com" (what is below it), "192.0.2.1", "192.0.2.0/24", "[2001:db8::]/32"
// or
// "*" (all of the public internet), each with ":PORT" behind it where one port is meant.
//
// Pure: no clock, no look-ups. A name is checked before it is looked up, so that no name leaves that no rule
// allows, and each address that it has before it is dialled; dialled is what was checked. So it doesn't
// matter who answers for a name, nor whether the answer changes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "net/address.h"

namespace acloud::sandbox::egress {

using net::Address;
using net::Network;
using net::own_addresses;
using net::parse_address;
using net::parse_network;
using net::special_network;

// Whom a sandbox asks for.
struct Target {
  std::string host;  // a name in lower case without a dot at its end, or an address as to_string() has it
  std::uint16_t port = 0;
  std::optional<Address> address;  // where `host` is one
};

// `host` as in a URL: IPv6 in brackets. Errors: invalid_argument: neither a name nor an address in its usual
// spelling; numbers that some programs take for addresses (0x7f.1, 2130706433) are neither.
Result<Target> parse_target(std::string_view host, std::uint16_t port);
// "HOST:PORT". Errors: as above.
Result<Target> parse_target(std::string_view host_and_port);
std::string to_string(const Target& target);

struct Rule {
  std::string text;                // as it was written
  std::string host;                // "" where it is about addresses
  bool below = false;              // of `host`
  bool any = false;                // "*"
  std::optional<Network> network;  // where it is about addresses
  std::optional<std::uint16_t> port;
};
// Errors: invalid_argument, with the rule and what one looks like.
Result<Rule> parse_rule(std::string_view text);
// For schemas.
bool is_rule(std::string_view text);
inline constexpr std::string_view kRuleForm =
    R"(a host ("example.com", "*.example.com"), a network ("192.0.2.0/24"), or "*"; ":PORT" may follow)";

// This machine, as a target.
struct Self {
  std::vector<Address> addresses;
  std::uint16_t port = 0;  // of the server; 0 where it has none
};

class Rules {
 public:
  static constexpr std::size_t kMost = 256;  // of each list
  // Errors: invalid_argument.
  static Result<Rules> parse(const std::vector<std::string>& allow, const std::vector<std::string>& deny);

  bool allows_nothing() const { return allow_.empty(); }

  // May the name be looked up? True for what is an address. Errors: permission_denied, with the reason.
  Result<> check_name(const Target& target) const;
  // May `address` be dialled, where `target` is at? A denied one never; one of special_network() or of this
  // machine only where a rule names it: a network that lies within that special one, or the single address;
  // the server's own port only by that address and port. Errors: permission_denied.
  Result<> check_address(const Target& target, const Address& address, const Self& self) const;

 private:
  std::vector<Rule> allow_, deny_;
};

}  // namespace acloud::sandbox::egress
