#include "identity/visitors.h"

#include <arpa/inet.h>

#include <array>

namespace acloud::identity {
namespace {

constexpr std::size_t kPrefixBytes = 8;  // a /64

std::unexpected<Error> refused(std::string_view who, Duration left) {
  return std::unexpected(
      Error(ErrorCode::rate_limited, fmt::format("too many calls without an API key from {}", who))
          .with_retry_after(std::chrono::ceil<std::chrono::seconds>(left)));
}

}  // namespace

Result<std::string> address_of(std::string_view peer) {
  if (peer.empty() || peer.starts_with("unix:")) return "local";
  std::string host(peer.substr(0, peer.rfind(':')));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  in_addr four{};
  if (::inet_pton(AF_INET, host.c_str(), &four) == 1) return host;
  in6_addr six{};
  if (::inet_pton(AF_INET6, host.c_str(), &six) != 1) {
    return fail(
        ErrorCode::permission_denied,
        "nobody signs up from inside of a sandbox: use the key of the task or of the sandbox's owner");
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (IN6_IS_ADDR_V4MAPPED(&six)) {
    ::inet_ntop(AF_INET, &six.s6_addr[12], text.data(), text.size());
    return std::string(text.data());
  }
  std::fill(std::begin(six.s6_addr) + kPrefixBytes, std::end(six.s6_addr), 0);
  ::inet_ntop(AF_INET6, &six, text.data(), text.size());
  return std::string(text.data()) + "/64";
}

Result<> Visitors::admit(const std::string& address) {
  const std::lock_guard lock(mutex_);
  const Instant now = clock_.instant();
  if (now - began_ >= kWindow) {
    began_ = now;
    all_ = 0;
    of_one_.clear();
  }
  const Duration left = kWindow - (now - began_);
  if (all_ >= kMostOfAll) return refused("everybody together", left);
  std::size_t& mine = of_one_[address];
  if (mine >= kMostOfOne) return refused(address, left);
  ++mine;
  ++all_;
  return {};
}

}  // namespace acloud::identity
