#include "task/trigger/signature.h"

#include <charconv>

#include "base/encoding.h"

namespace acloud::task::trigger {
namespace {

constexpr std::size_t kBlock = 64;  // bytes of a block of SHA-256
constexpr std::string_view kStandardSecret = "whsec_";
constexpr std::string_view kHubPrefix = "sha256=";

std::string standard_key(const std::string& secret) {
  if (!secret.starts_with(kStandardSecret)) return secret;
  return from_base64(std::string_view(secret).substr(kStandardSecret.size())).value_or(secret);
}

// Any of the signatures, as a sender gives several while it changes its secret.
bool is_among(std::string_view signatures, std::string_view wanted) {
  bool found = false;
  while (!signatures.empty()) {
    const std::size_t end = std::min(signatures.find(' '), signatures.size());
    found |= equal_secret(signatures.substr(0, end), wanted);
    signatures.remove_prefix(std::min(end + 1, signatures.size()));
  }
  return found;
}

}  // namespace

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  std::string block = key.size() > kBlock ? sha256(key) : std::string(key);
  block.resize(kBlock, '\0');
  std::string inner = block;
  for (char& c : inner) c = static_cast<char>(c ^ 0x36);
  for (char& c : block) c = static_cast<char>(c ^ 0x5c);
  return sha256(block + sha256(inner.append(bytes)));
}

Result<std::string> check_signature(const std::string& secret, const net::Headers& headers,
                                    std::string_view body, Time now) {
  if (const auto given = headers.get("webhook-signature")) {
    const std::string id(headers.value("webhook-id"));
    const std::string_view stamp = headers.value("webhook-timestamp");
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(stamp.data(), stamp.data() + stamp.size(), seconds);
    const bool is_time = error == std::errc() && end == stamp.data() + stamp.size() && seconds >= 0 &&
                         seconds < std::int64_t{1} << 40;
    if (!is_time || id.empty() || id.size() > kDeliveryMost)
      return fail(ErrorCode::unauthenticated,
                  "webhook-id and webhook-timestamp must come with webhook-signature");
    const std::string wanted =
        "v1," + to_base64(hmac_sha256(standard_key(secret), fmt::format("{}.{}.{}", id, stamp, body)));
    if (!is_among(*given, wanted))
      return fail(ErrorCode::unauthenticated, "webhook-signature: not made with this trigger's secret");
    const Time at{std::chrono::seconds(seconds)};
    if (at < now - kSkewMost || at > now + kSkewMost)
      return fail(ErrorCode::unauthenticated, "webhook-timestamp: more than five minutes from now");
    return id;
  }
  if (const auto given = headers.get("x-hub-signature-256")) {
    if (!equal_secret(*given, std::string(kHubPrefix) + to_hex(hmac_sha256(secret, body))))
      return fail(ErrorCode::unauthenticated, "x-hub-signature-256: not made with this trigger's secret");
    const std::string id(headers.value("x-github-delivery"));
    return id.size() <= kDeliveryMost ? id : std::string();
  }
  return fail(ErrorCode::unauthenticated,
              "not signed: send webhook-signature (Standard Webhooks) or x-hub-signature-256");
}

}  // namespace acloud::task::trigger
