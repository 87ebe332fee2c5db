#include "sandbox/egress/rules.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/encoding.h"

namespace acloud::sandbox::egress {
namespace {

constexpr std::size_t kHostMost = 253;

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The C library, and browsers, take a name that ends in a number for an address in some old spelling.
bool ends_in_a_number(std::string_view name) {
  const std::string_view last = name.substr(name.rfind('.') + 1);
  return last.starts_with("0x") || std::ranges::all_of(last, is_digit);
}

bool is_name(std::string_view name) {
  const auto allowed = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_' || c == '.';
  };
  return !name.empty() && name.size() <= kHostMost && std::ranges::all_of(name, allowed) &&
         !name.starts_with('.') && !name.ends_with('.') && name.find("..") == std::string_view::npos &&
         !ends_in_a_number(name);
}

std::optional<std::uint16_t> parse_port(std::string_view digits) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port == 0) return std::nullopt;
  return port;
}

// "HOST", "HOST:PORT", "[V6]", "[V6]:PORT", and IPv6 without brackets, which can have no port.
struct Split {
  std::string_view host;
  std::optional<std::string_view> port;
  bool brackets = false;
};
Split split_port(std::string_view text) {
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return {text, std::nullopt, false};
    std::string_view rest = text.substr(close + 1);
    // "[2001:db8::]/32": the length belongs to the host.
    if (rest.starts_with(':')) return {text.substr(1, close - 1), rest.substr(1), true};
    return {rest.empty() ? text.substr(1, close - 1) : text, std::nullopt, rest.empty()};
  }
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos)
    return {text, std::nullopt, false};
  return {text.substr(0, colon), text.substr(colon + 1), false};
}

bool names_host(const Rule& rule, const Target& target) {
  if (rule.port && *rule.port != target.port) return false;
  if (rule.host.empty()) return false;
  if (!rule.below) return rule.host == target.host;
  return target.host.size() > rule.host.size() + 1 && target.host.ends_with(rule.host) &&
         target.host[target.host.size() - rule.host.size() - 1] == '.';
}

bool has_address(const Rule& rule, const Target& target, const Address& address) {
  return (!rule.port || *rule.port == target.port) && rule.network && rule.network->has(address);
}

bool is_any(const Rule& rule, const Target& target) {
  return rule.any && (!rule.port || *rule.port == target.port);
}

bool is_single(const Rule& rule) { return rule.network && rule.network->length == 128; }

// Whatever interfaces there are: loopback, and the unspecified address, which the kernel takes for it.
bool is_here(const Address& address) {
  static const std::array here{*parse_network("127.0.0.0/8"), *parse_network("0.0.0.0/8"),
                               *parse_network("::1"), *parse_network("::")};
  return std::ranges::any_of(here, [&](const Network& network) { return network.has(address); });
}

std::unexpected<Error> denied(std::string why) {
  return std::unexpected(Error(ErrorCode::permission_denied, std::move(why)));
}

}  // namespace

Result<Target> parse_target(std::string_view host, std::uint16_t port) {
  const bool brackets = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
  const std::string_view plain = brackets ? host.substr(1, host.size() - 2) : host;
  if (const auto address = parse_address(plain); address && brackets == (plain.find(':') != plain.npos))
    return Target{to_string(*address), port, address};
  std::string name = lower(plain.ends_with('.') ? plain.substr(0, plain.size() - 1) : plain);
  if (!brackets && is_name(name)) return Target{std::move(name), port, std::nullopt};
  return fail(ErrorCode::invalid_argument,
              "\"{}\" is neither a host's name nor an address written as 192.0.2.1 or [2001:db8::1]",
              to_valid_utf8(host.substr(0, kHostMost)));
}

Result<Target> parse_target(std::string_view host_and_port) {
  const auto colon = host_and_port.rfind(':');
  const auto port =
      colon == std::string_view::npos ? std::nullopt : parse_port(host_and_port.substr(colon + 1));
  if (!port) {
    return fail(ErrorCode::invalid_argument, "\"{}\" is not HOST:PORT",
                to_valid_utf8(host_and_port.substr(0, kHostMost)));
  }
  return parse_target(host_and_port.substr(0, colon), *port);
}

std::string to_string(const Target& target) {
  const bool v6 = target.address && !target.address->is_v4();
  return fmt::format(fmt::runtime(v6 ? "[{}]:{}" : "{}:{}"), target.host, target.port);
}

Result<Rule> parse_rule(std::string_view text) {
  Rule rule{.text = std::string(text), .host = {}, .network = {}, .port = {}};
  // "[2001:db8::]/32" and "[2001:db8::/32]:443" are both in use.
  std::string unbracketed;
  if (const auto close = text.find("]/"); text.starts_with('[') && close != text.npos) {
    const auto colon = text.find(':', close);
    const auto length = text.substr(close + 1, colon == text.npos ? text.npos : colon - close - 1);
    unbracketed = fmt::format("[{}{}]{}", text.substr(1, close - 1), length,
                              colon == text.npos ? std::string_view() : text.substr(colon));
    text = unbracketed;
  }
  const Split split = split_port(text);
  if (split.port) rule.port = parse_port(*split.port);
  const bool good_port = !split.port || rule.port;
  rule.network = parse_network(split.host);
  rule.any = split.host == "*";
  if (good_port && (rule.network || rule.any)) return rule;
  std::string_view host = split.host;
  rule.below = host.starts_with("*.");
  if (rule.below) host.remove_prefix(2);
  rule.host = lower(host.ends_with('.') ? host.substr(0, host.size() - 1) : host);
  if (good_port && !split.brackets && is_name(rule.host)) return rule;
  return fail(ErrorCode::invalid_argument, "\"{}\" is not {}", to_valid_utf8(rule.text.substr(0, kHostMost)),
              kRuleForm);
}

bool is_rule(std::string_view text) { return parse_rule(text).has_value(); }

Result<Rules> Rules::parse(const std::vector<std::string>& allow, const std::vector<std::string>& deny) {
  Rules rules;
  for (const auto& [name, from, to] :
       {std::tuple("allow", &allow, &rules.allow_), {"deny", &deny, &rules.deny_}}) {
    if (from->size() > kMost)
      return fail(ErrorCode::too_large, "egress.{}: {} rules are more than {}", name, from->size(), kMost);
    for (std::size_t i = 0; i < from->size(); ++i) {
      auto rule = parse_rule((*from)[i]);
      if (!rule)
        return fail(ErrorCode::invalid_argument, "egress.{}[{}]: {}", name, i, rule.error().message());
      to->push_back(*std::move(rule));
    }
  }
  return rules;
}

Result<> Rules::check_name(const Target& target) const {
  if (target.address) return {};
  for (const Rule& rule : deny_) {
    if (names_host(rule, target) || is_any(rule, target))
      return denied(fmt::format("{} is denied by the rule \"{}\"", to_string(target), rule.text));
  }
  const auto allows = [&](const Rule& rule) { return names_host(rule, target) || is_any(rule, target); };
  if (std::ranges::any_of(allow_, allows)) return {};
  return denied(fmt::format("no rule allows {}", to_string(target)));
}

Result<> Rules::check_address(const Target& target, const Address& address, const Self& self) const {
  const std::string where =
      target.address ? to_string(target) : fmt::format("{} (at {})", to_string(target), to_string(address));
  for (const Rule& rule : deny_) {
    if (has_address(rule, target, address) || is_any(rule, target))
      return denied(fmt::format("{} is denied by the rule \"{}\"", where, rule.text));
  }
  const Network* special = special_network({address, 128});
  const bool own = std::ranges::find(self.addresses, address) != self.addresses.end();
  const bool server = (own || is_here(address)) && self.port != 0 && target.port == self.port;
  const auto names = [&](const Rule& rule) {
    if (!has_address(rule, target, address)) return false;
    if (server) return is_single(rule) && rule.port.has_value();
    if (is_single(rule)) return true;
    return special != nullptr && !own && rule.network->is_within(*special);
  };
  if (special || own) {
    if (std::ranges::any_of(allow_, names)) return {};
    return denied(fmt::format("{} is {}, which no rule names", where,
                              server ? "this server itself"
                              : own  ? "this server's machine"
                                     : "not of the public internet"));
  }
  if (!target.address) return {};  // its name was allowed
  const auto allows = [&](const Rule& rule) {
    return has_address(rule, target, address) || is_any(rule, target);
  };
  if (std::ranges::any_of(allow_, allows)) return {};
  return denied(fmt::format("no rule allows {}", where));
}

}  // namespace acloud::sandbox::egress
