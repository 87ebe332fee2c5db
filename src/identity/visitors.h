// Callers without a key: how often one may come, and by what name it is known.
//
// Sign-up is open to everybody who reaches the server, so that without this a flood of strangers would fill
// the audit record and the database's queue. A visitor that comes too often is refused before anything is
// written.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/error.h"

namespace acloud::identity {

// What counts as one address of `peer`, "ip:port": an IPv4 address, or the /64 of an IPv6 one, since whoever
// has one of these addresses has all of them; "local" for a Unix socket (an empty peer).
// Errors: permission_denied for a peer that is no address: a sandbox, whose owner has a key.
Result<std::string> address_of(std::string_view peer);

// Thread-safe.
class Visitors {
 public:
  static constexpr std::chrono::seconds kWindow{60};
  static constexpr std::size_t kMostOfOne = 120;  // calls of one address in a window
  static constexpr std::size_t kMostOfAll = 600;  // of all together

  explicit Visitors(Clock& clock) : clock_(clock) {}
  // Counts a call of `address`. Errors: rate_limited, with retry_after.
  Result<> admit(const std::string& address);

 private:
  Clock& clock_;
  std::mutex mutex_;  // guards what follows
  Instant began_{};
  std::size_t all_ = 0;
  std::unordered_map<std::string, std::size_t> of_one_;  // at most kMostOfAll, as each counts in all_
};

}  // namespace acloud::identity
