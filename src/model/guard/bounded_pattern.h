// Regular expressions for texts that come in pieces.
//
// Whoever watches a stream must know, after each piece, from where on the text could still become a match:
// that much is held back, and no more. RE2 tells whether a text matches, not whether it could. So the pattern
// is taken apart, and a second one is made of it that matches all beginnings of its matches:
//
//   beginnings(c)   = c?                        one character, class, or assertion such as \b
//   beginnings(e f) = beginnings(e) | e beginnings(f)
//   beginnings(e|f) = beginnings(e) | beginnings(f)
//   beginnings(e{m,n}) = e{0,n-1} beginnings(e)
//
// A text's longest end that matches it is what is held. Repetitions without an end are refused, so no stream
// can be held for ever.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace acloud::model::guard {

struct BoundedPattern {
  std::string whole;       // the pattern as it was given
  std::string beginnings;  // matches every beginning of a match, also the empty one
  std::size_t longest;     // characters of a match at most
};

inline constexpr std::size_t kLongestMatch = 4096;  // characters

// Takes what RE2 takes, but for *, + and {n,}; ^, $, \A and \z, since a stream's pieces have no such places;
// flags other than (?i) and (?i:...); named groups; \Q, \C and octal numbers. Does not compile it.
// Errors: invalid_argument, saying what and where.
Result<BoundedPattern> bound(std::string_view pattern);

}  // namespace acloud::model::guard
