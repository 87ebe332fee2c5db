#include "surfaces/presented_key.h"

#include <algorithm>

#include "net/text.h"

namespace acloud::surfaces {

std::string presented_key(const net::Headers& headers) {
  const std::string_view authorization = headers.value("authorization");
  constexpr std::string_view kBearer = "bearer ";
  if (authorization.size() > kBearer.size() &&
      net::same_token(authorization.substr(0, kBearer.size()), kBearer)) {
    return std::string(net::trim(authorization.substr(kBearer.size())));
  }
  return std::string(headers.value("x-api-key"));
}

}  // namespace acloud::surfaces
