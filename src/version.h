#pragma once

#include <string_view>

namespace acloud {

inline constexpr std::string_view kVersion = ACLOUD_VERSION;

}  // namespace acloud
