// acloud-tiny, the model that is a part of the program (models/), so that a bare server answers a chat.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace acloud::inference {

inline constexpr std::string_view kBuiltinName = "acloud-tiny";
// What stands for its file in a configuration.
inline constexpr std::string_view kBuiltinFile = "builtin:acloud-tiny";

// A path under which this process can open it, as long as it lives. Errors: internal, unavailable.
Result<std::string> builtin_model_path();

}  // namespace acloud::inference
