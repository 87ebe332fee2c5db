// Money as an exact decimal: a whole number of 10^-18 units of the cloud's one currency.
//
// Floating point would make the sum of a bill depend on the order in which it was added up. Here adding is
// exact, and a price per token times a number of tokens is too. Prices have at most 15 decimals, so that a
// percentage of one is exact as well: nothing is ever rounded but a price that is read.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/schema.h"

namespace acloud::ledger {

class Money {
 public:
  static constexpr int kDecimals = 18;
  // The largest amount that may be read, in units. A sum may be larger: up to 1.7 * 10^20.
  static constexpr std::int64_t kUnitsMost = 1'000'000'000'000;

  constexpr Money() = default;
  static constexpr Money units(std::int64_t units) { return Money(static_cast<__int128>(units) * kOne); }
  // "12.34", "-0.5", "1.25e-07". `decimals` at most, 0 to 18; what has more of them is refused.
  // Errors: invalid_argument: no such number, too many decimals, larger than kUnitsMost.
  static Result<Money> parse(std::string_view text, int decimals = kDecimals);
  // The same, what is beyond `decimals` being rounded, a half to the even digit.
  static Result<Money> parse_rounded(std::string_view text, int decimals);

  // In plain decimals, without zeros at the end: "0.000125".
  std::string text() const;

  // The two columns that a row has for it, for sums in SQL (money_columns.h): amount = micro / 10^6 + rest /
  // 10^18, 0 <= rest < 10^12.
  constexpr std::int64_t micro() const { return static_cast<std::int64_t>(floor_div(atto_, kMicro)); }
  constexpr std::int64_t rest() const {
    return static_cast<std::int64_t>(atto_ - floor_div(atto_, kMicro) * kMicro);
  }
  static constexpr Money from_columns(std::int64_t micro, std::int64_t rest) {
    return Money(static_cast<__int128>(micro) * kMicro + rest);
  }

  constexpr bool is_zero() const { return atto_ == 0; }
  constexpr Money& operator+=(Money other) {
    atto_ += other.atto_;
    return *this;
  }
  constexpr Money& operator-=(Money other) {
    atto_ -= other.atto_;
    return *this;
  }
  friend constexpr Money operator+(Money a, Money b) { return a += b; }
  friend constexpr Money operator-(Money a, Money b) { return a -= b; }
  friend constexpr Money operator*(Money price, std::int64_t count) { return Money(price.atto_ * count); }
  // REQUIRES: at most 16 decimals, so that it is exact.
  constexpr Money percent(int share) const { return Money(atto_ * share / 100); }
  // One of a million. REQUIRES: at most 12 decimals, so that it is exact.
  constexpr Money millionth() const { return Money(atto_ / 1'000'000); }
  // One of a thousand. REQUIRES: at most 15 decimals, so that it is exact.
  constexpr Money thousandth() const { return Money(atto_ / 1'000); }
  friend constexpr auto operator<=>(Money, Money) = default;

 private:
  static constexpr __int128 kOne = 1'000'000'000'000'000'000;
  static constexpr __int128 kMicro = 1'000'000'000'000;
  static constexpr __int128 floor_div(__int128 a, __int128 b) { return a / b - (a % b < 0 ? 1 : 0); }
  explicit constexpr Money(__int128 atto) : atto_(atto) {}
  static Result<Money> read(std::string_view text, int decimals, bool round);

  __int128 atto_ = 0;
};

}  // namespace acloud::ledger

namespace acloud::schema {

// A decimal in a string, so that no reader makes a floating-point number of it. A number is taken as the
// decimal that is written.
template <>
struct Codec<ledger::Money> {
  static bool accepts(const Json& value) { return value.is_string() || value.is_number(); }
  static Result<> decode(const Json& value, ledger::Money& out, const Where& where);
  static void encode(ledger::Money value, std::string& out) { append_json_string(out, value.text()); }
  static OrderedJson describe() { return {{"type", "string"}, {"pattern", R"(^-?[0-9]+(\.[0-9]+)?$)"}}; }
};

}  // namespace acloud::schema
