// Names as people type them: '-' stands for '_', and a slip of the finger is answered with what was meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace acloud::cli {

// "create-bucket" as the catalog has it: "create_bucket".
std::string canonical(std::string_view typed);
// "create_bucket" as a command line has it: "create-bucket".
std::string shown(std::string_view name);

// The candidate that `typed` was most likely meant to be, or "" where none is near.
std::string nearest(std::string_view typed, const std::vector<std::string>& candidates);
// "; did you mean \"put\"?", or "; there are get, put" where none is near and there are few, or "".
std::string suggestion(std::string_view typed, const std::vector<std::string>& candidates);

}  // namespace acloud::cli
