// acloud-embed, the sentence encoder that is a part of the program. Its weights are used where they lie in
// the program's file, so they take memory only once they are used, and servers of one machine share it.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace acloud::inference {

inline constexpr std::string_view kBuiltinEncoderName = "acloud-embed";
// What stands for its file in a configuration.
inline constexpr std::string_view kBuiltinEncoderFile = "builtin:acloud-embed";

std::span<const std::byte> builtin_encoder();

}  // namespace acloud::inference
