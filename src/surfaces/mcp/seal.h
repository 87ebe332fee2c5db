// State that a client carries between two requests and must not be able to change: sealed with a key that
// never leaves this server, bound to what it is for, and good for a while. A server that is restarted has a
// new key: the client then begins its request anew.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"

namespace acloud::surfaces::mcp {

// RFC 2104 with SHA-256. 32 bytes.
std::string hmac_sha256(std::string_view key, std::string_view bytes);

class Seal {
 public:
  static constexpr std::chrono::minutes kGoodFor{60};

  Seal(Clock& clock, Random& random);
  // `purpose` is whatever must be the same when it comes back: the method, the name, the caller.
  std::string close(const Json& state, std::string_view purpose) const;
  // Errors: invalid_argument: changed, of another purpose, too old.
  Result<Json> open(std::string_view sealed, std::string_view purpose) const;

 private:
  std::string mac(std::string_view text, std::string_view purpose) const;
  Clock& clock_;
  std::string key_;
};

}  // namespace acloud::surfaces::mcp
