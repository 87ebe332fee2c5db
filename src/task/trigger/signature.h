// Who sent a webhook: signatures by a secret that sender and trigger share.
//
// Two forms are taken: that of Standard Webhooks (https://www.standardwebhooks.com: webhook-id,
// webhook-timestamp, webhook-signature), and GitHub's (X-Hub-Signature-256), which says nothing of the time.
#pragma once

#include <string>

#include "base/clock.h"
#include "net/http.h"

namespace acloud::task::trigger {

// RFC 2104; 32 bytes.
std::string hmac_sha256(std::string_view key, std::string_view bytes);

inline constexpr std::chrono::minutes kSkewMost{5};  // of a signed time from ours
inline constexpr std::size_t kDeliveryMost = 200;    // bytes of a delivery's id

// The id that the sender gave this delivery, the same when it is sent again; "" where it gave none.
// Errors: unauthenticated: not signed, or not with this secret, or too long ago.
Result<std::string> check_signature(const std::string& secret, const net::Headers& headers,
                                    std::string_view body, Time now);

}  // namespace acloud::task::trigger
