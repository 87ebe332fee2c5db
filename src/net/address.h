// IP addresses and networks, for rules of who may be reached.
//
// One address has many spellings (127.0.0.1, 2130706433, 0177.1, ::ffff:127.0.0.1), and a check that knows
// one of them lets the others through. Here an address is read in its usual spelling alone, and kept in one
// form.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace acloud::net {

// IPv4 lies in IPv6 as ::ffff:a.b.c.d.
struct Address {
  std::array<std::uint8_t, 16> bytes{};
  friend auto operator<=>(const Address&, const Address&) = default;
  bool is_v4() const;
};

// "192.0.2.1" with four decimal numbers, or "2001:db8::1", without brackets and zone. Nothing otherwise.
std::optional<Address> parse_address(std::string_view text);
// "192.0.2.1" or "2001:db8::1".
std::string to_string(const Address& address);

struct Network {
  Address base;
  unsigned length = 128;  // leading bits that count; of an IPv4 network 96 more than it is written with
  bool has(const Address& address) const;
  // All of it lies in `other`.
  bool is_within(const Network& other) const { return length >= other.length && other.has(base); }
};

// "192.0.2.0/24", "2001:db8::/32", or a single address. Bits beyond the length don't count.
std::optional<Network> parse_network(std::string_view text);

// The network of addresses that are not of the public internet and that `network`'s lie in: private,
// loopback, link-local, shared, multicast, reserved, those of documentation, and those that carry an IPv4
// address in them. Null where there is none.
const Network* special_network(const Network& network);

// Those of this machine's interfaces.
std::vector<Address> own_addresses();

// Of the public internet, and not of this machine.
bool is_public(const Address& address);

}  // namespace acloud::net
