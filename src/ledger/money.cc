#include "ledger/money.h"

#include <charconv>

namespace acloud::ledger {
namespace {

constexpr std::size_t kTextMost = 64;
constexpr int kExponentMost = 40;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A decimal as it is written: `digits`, the last of them having the weight 10^exponent.
struct Written {
  bool negative = false;
  std::string digits;
  int exponent = 0;
};

std::optional<Written> read_decimal(std::string_view text) {
  Written written;
  if (text.size() > kTextMost) return std::nullopt;
  if (text.starts_with('-')) {
    written.negative = true;
    text.remove_prefix(1);
  }
  const auto take_digits = [&] {
    std::size_t count = 0;
    for (; count < text.size() && is_digit(text[count]); ++count) written.digits += text[count];
    text.remove_prefix(count);
    return count;
  };
  if (take_digits() == 0) return std::nullopt;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    const auto fraction = take_digits();
    if (fraction == 0) return std::nullopt;
    written.exponent = -static_cast<int>(fraction);
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+')) text.remove_prefix(1);
    int exponent = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exponent);
    if (error != std::errc() || exponent > kExponentMost || exponent < -kExponentMost) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    written.exponent += exponent;
  }
  if (!text.empty()) return std::nullopt;
  return written;
}

// Up, by the digits that fall away: a half to the even digit.
bool rounds_up(std::string_view kept, std::string_view dropped) {
  if (dropped.empty() || dropped.front() < '5') return false;
  if (dropped.front() > '5' || dropped.find_first_not_of('0', 1) != dropped.npos) return true;
  return !kept.empty() && (kept.back() - '0') % 2 == 1;
}

}  // namespace

Result<Money> Money::read(std::string_view text, int decimals, bool round) {
  auto written = read_decimal(text);
  if (!written) {
    return fail(ErrorCode::invalid_argument, "\"{}\" is no decimal such as \"12.34\"",
                text.substr(0, kTextMost));
  }
  std::string& digits = written->digits;
  bool up = false;
  if (const int beyond = -written->exponent - decimals; beyond > 0) {
    // Zeros in front, so that something is left of each.
    digits.insert(0, static_cast<std::size_t>(beyond), '0');
    const std::string dropped = digits.substr(digits.size() - static_cast<std::size_t>(beyond));
    digits.resize(digits.size() - static_cast<std::size_t>(beyond));
    if (!round && dropped.find_first_not_of('0') != dropped.npos) {
      return fail(ErrorCode::invalid_argument, "{} has more than {} decimals", text, decimals);
    }
    up = rounds_up(digits, dropped);
    written->exponent = -decimals;
  }
  digits.append(static_cast<std::size_t>(kDecimals + written->exponent), '0');
  __int128 atto = 0;
  for (const char digit : digits) {
    atto = atto * 10 + (digit - '0');
    if (atto > kUnitsMost * kOne) {
      return fail(ErrorCode::invalid_argument, "{} is more than {}", text, kUnitsMost);
    }
  }
  if (up) {
    __int128 last = 1;
    for (int i = kDecimals; i > decimals; --i) last *= 10;
    atto += last;
  }
  return Money(written->negative ? -atto : atto);
}

Result<Money> Money::parse(std::string_view text, int decimals) { return read(text, decimals, false); }
Result<Money> Money::parse_rounded(std::string_view text, int decimals) { return read(text, decimals, true); }

std::string Money::text() const {
  const bool negative = atto_ < 0;
  const auto magnitude =
      negative ? -static_cast<unsigned __int128>(atto_) : static_cast<unsigned __int128>(atto_);
  const auto one = static_cast<unsigned __int128>(kOne);
  std::string text = fmt::format("{}{}.{:018}", negative ? "-" : "", magnitude / one,
                                 static_cast<std::uint64_t>(magnitude % one));
  text.resize(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace acloud::ledger

namespace acloud::schema {

Result<> Codec<ledger::Money>::decode(const Json& value, ledger::Money& out, const Where& where) {
  if (!accepts(value)) return wrong_type(where, "a decimal in a string", value);
  // The shortest text that gives a floating-point number is the decimal that was written.
  auto money = ledger::Money::parse(value.is_string()         ? value.get<std::string>()
                                    : value.is_number_float() ? fmt::format("{}", value.get<double>())
                                                              : value.dump());
  if (!money) return fail_at(where, money.error().message());
  out = *money;
  return {};
}

}  // namespace acloud::schema
