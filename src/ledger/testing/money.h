// Money as tests write it.
#pragma once

#include <string_view>

#include "ledger/money.h"

namespace acloud::ledger::testing {

// REQUIRES: `text` is an amount.
inline Money money(std::string_view text) { return Money::parse(text).value(); }

}  // namespace acloud::ledger::testing
