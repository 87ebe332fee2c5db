#include "net/address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>

namespace acloud::net {
namespace {

constexpr unsigned kV4Bits = 96;  // of ::ffff:0:0
constexpr std::array<std::uint8_t, 12> kV4Prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

Address from_v4(const in_addr& v4) {
  Address address;
  std::ranges::copy(kV4Prefix, address.bytes.begin());
  std::memcpy(&address.bytes[kV4Prefix.size()], &v4, sizeof v4);
  return address;
}

// IANA's registries of special-purpose addresses, and what no registry gives to anybody. In IPv6 that is
// everything outside of 2000::/3, and in it those that carry IPv4 addresses (Teredo, 6to4) or are for
// documentation. ::ffff:0:0/96 is IPv4, and comes first.
const std::vector<Network>& special_networks() {
  static const std::vector<Network> networks = [] {
    std::vector<Network> parsed;
    for (const char* text :
         {"0.0.0.0/8",     "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
          "172.16.0.0/12", "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
          "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4",
          "::/3",          "4000::/2",        "8000::/1",       "2001::/23",      "2001:db8::/32",
          "2002::/16",     "3fff::/20"}) {
      parsed.push_back(*parse_network(text));
    }
    return parsed;
  }();
  return networks;
}

}  // namespace

bool Address::is_v4() const { return std::equal(kV4Prefix.begin(), kV4Prefix.end(), bytes.begin()); }

std::optional<Address> parse_address(std::string_view text) {
  const std::string zeroed(text);
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  in_addr v4{};
  if (::inet_pton(AF_INET, zeroed.c_str(), &v4) == 1) return from_v4(v4);
  Address address;
  if (::inet_pton(AF_INET6, zeroed.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

std::string to_string(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.is_v4()) {
    ::inet_ntop(AF_INET, &address.bytes[kV4Prefix.size()], text.data(), text.size());
  } else {
    ::inet_ntop(AF_INET6, address.bytes.data(), text.data(), text.size());
  }
  return text.data();
}

bool Network::has(const Address& address) const {
  const unsigned whole = length / 8;
  const unsigned rest = length % 8;
  if (!std::equal(base.bytes.begin(), base.bytes.begin() + whole, address.bytes.begin())) return false;
  return rest == 0 || (base.bytes.at(whole) ^ address.bytes.at(whole)) >> (8 - rest) == 0;
}

std::optional<Network> parse_network(std::string_view text) {
  const auto slash = text.find('/');
  const auto base = parse_address(text.substr(0, slash));
  if (!base) return std::nullopt;
  Network network{*base, 128};
  if (slash == std::string_view::npos) return network;
  const std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  const bool v4 = text.substr(0, slash).find(':') == std::string_view::npos;
  if (error != std::errc() || end != digits.data() + digits.size() || length > (v4 ? 32 : 128))
    return std::nullopt;
  network.length = v4 ? length + kV4Bits : length;
  return network;
}

const Network* special_network(const Network& network) {
  const bool v4 = network.base.is_v4() && network.length >= kV4Bits;
  for (const Network& special : special_networks()) {
    if (special.base.is_v4() == v4 && network.is_within(special)) return &special;
  }
  return nullptr;
}

std::vector<Address> own_addresses() {
  std::vector<Address> own;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return own;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(first, &::freeifaddrs);
  for (const ifaddrs* at = first; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr) continue;
    if (at->ifa_addr->sa_family == AF_INET) {
      own.push_back(from_v4(reinterpret_cast<const sockaddr_in*>(at->ifa_addr)->sin_addr));
    } else if (at->ifa_addr->sa_family == AF_INET6) {
      Address address;
      std::memcpy(address.bytes.data(), &reinterpret_cast<const sockaddr_in6*>(at->ifa_addr)->sin6_addr, 16);
      own.push_back(address);
    }
  }
  return own;
}

bool is_public(const Address& address) {
  const std::vector<Address> own = own_addresses();
  return special_network({address}) == nullptr && std::ranges::find(own, address) == own.end();
}

}  // namespace acloud::net
