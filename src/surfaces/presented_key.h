#pragma once

#include <string>

#include "net/http.h"

namespace acloud::surfaces {

// The API key that a request carries: Authorization: Bearer, or x-api-key. "" for none.
std::string presented_key(const net::Headers& headers);

}  // namespace acloud::surfaces
