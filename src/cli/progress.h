// How far something is, for people who wait for it.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"

namespace acloud::cli {

// One line that takes the place of the one before, from the data of an event `progress` ({bytes, of}); ends
// with a line break where all is there. Nothing where the data is something else.
std::optional<std::string> progress_line(const OrderedJson& data);

}  // namespace acloud::cli
