#include "mcp/header_value.h"

#include "base/encoding.h"
#include "net/text.h"

namespace acloud::mcp {
namespace {

constexpr std::string_view kBegin = "=?base64?";
constexpr std::string_view kEnd = "?=";

}  // namespace

std::string header_value(const std::string& text) {
  const bool plain = std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 && c < 0x7f; }) &&
                     net::trim(text) == text && !text.starts_with(kBegin) && !text.empty();
  return plain ? text : fmt::format("{}{}{}", kBegin, to_base64(text), kEnd);
}

Rpc<std::string> header_text(std::string_view value) {
  value = net::trim(value);
  if (value.size() < kBegin.size() + kEnd.size() || !value.starts_with(kBegin) || !value.ends_with(kEnd))
    return std::string(value);
  const std::string_view text = value.substr(kBegin.size(), value.size() - kBegin.size() - kEnd.size());
  auto decoded = from_base64(text);
  // from_base64() is kinder than this encoding: it takes what is not padded, and the other alphabet.
  if (!decoded || to_base64(*decoded) != text)
    return refuse(Code::header_mismatch, "a header's base64 is malformed");
  return *std::move(decoded);
}

}  // namespace acloud::mcp
