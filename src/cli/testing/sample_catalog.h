// A catalog with one field of each kind, for tests.
#pragma once

#include <string>

namespace acloud::cli::testing {

// JSON, in the shape of GET /api.
std::string sample_catalog();

}  // namespace acloud::cli::testing
