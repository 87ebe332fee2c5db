// Exact rational numbers, for tests: what money must come to however it is computed.
#pragma once

#include <boost/multiprecision/cpp_int.hpp>
#include <string>

#include "ledger/money.h"

namespace acloud::ledger::testing {

using Rational = boost::multiprecision::cpp_rational;

// The rational that a plain decimal stands for.
inline Rational rational(std::string text) {
  const bool negative = text.starts_with('-');
  if (negative) text.erase(0, 1);
  Rational scale = 1;
  if (const auto point = text.find('.'); point != text.npos) {
    for (std::size_t i = point + 1; i < text.size(); ++i) scale *= 10;
    text.erase(point, 1);
  }
  text.erase(0, std::min(text.find_first_not_of('0'), text.size() - 1));  // which would make it octal
  const Rational magnitude = Rational(boost::multiprecision::cpp_int(text)) / scale;
  return negative ? Rational(-magnitude) : magnitude;
}

inline Rational rational(Money money) { return rational(money.text()); }

}  // namespace acloud::ledger::testing
