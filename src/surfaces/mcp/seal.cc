#include "surfaces/mcp/seal.h"

#include "base/encoding.h"

namespace acloud::surfaces::mcp {
namespace {

constexpr std::size_t kBlock = 64;  // SHA-256's
constexpr std::size_t kSealedBytes = 1 << 20;

std::unexpected<Error> broken() {
  return fail(ErrorCode::invalid_argument,
              "requestState: not as this server gave it for this request; begin the request anew without it");
}

}  // namespace

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  std::string block = key.size() > kBlock ? sha256(key) : std::string(key);
  block.resize(kBlock, '\0');
  std::string inner = block;
  std::string outer = block;
  for (char& c : inner) c = static_cast<char>(c ^ 0x36);
  for (char& c : outer) c = static_cast<char>(c ^ 0x5c);
  return sha256(outer + sha256(inner.append(bytes)));
}

Seal::Seal(Clock& clock, Random& random) : clock_(clock), key_(random.hex(32)) {}

// The lengths keep the two apart: no text and purpose are another text and purpose run together.
std::string Seal::mac(std::string_view text, std::string_view purpose) const {
  return to_hex(hmac_sha256(key_, fmt::format("{}:{}{}", purpose.size(), purpose, text)));
}

std::string Seal::close(const Json& state, std::string_view purpose) const {
  const Json whole{{"until", to_rfc3339(clock_.now() + kGoodFor)}, {"state", state}};
  const std::string text = to_base64(to_text(whole));
  return text + "." + mac(text, purpose);
}

Result<Json> Seal::open(std::string_view sealed, std::string_view purpose) const {
  const std::size_t dot = sealed.rfind('.');
  if (sealed.size() > kSealedBytes || dot == sealed.npos) return broken();
  const std::string_view text = sealed.substr(0, dot);
  if (!equal_secret(mac(text, purpose), sealed.substr(dot + 1))) return broken();
  ACLOUD_TRY(const std::string bytes, from_base64(text));
  ACLOUD_TRY(Json whole, parse_json(bytes));
  ACLOUD_TRY(const Time until, parse_rfc3339(whole.value("until", "")));
  if (clock_.now() >= until)
    return fail(ErrorCode::invalid_argument, "requestState: it was good until {}; begin the request anew",
                to_rfc3339(until));
  return std::move(whole["state"]);
}

}  // namespace acloud::surfaces::mcp
