// Is a grammar cheap enough to keep to? llama.cpp follows every way in which a text may be read at once, and
// some grammars, such as "(a|b)*" fifty times in a row, have so many that a single token takes for ever: for
// all who share the engine. A sequence is ambiguous as far as parts that repeat, or may be left out, follow
// each other with nothing between them that must be there; that is counted here, and has a limit.
#pragma once

#include <string_view>

#include "base/error.h"

namespace acloud::inference {

// `gbnf` as llama.cpp reads it; what it would refuse passes here. Errors: invalid_argument: too ambiguous,
// nested too deep, or a part that is to come at least more often than at most.
Result<> check_ambiguity(std::string_view gbnf);

}  // namespace acloud::inference
