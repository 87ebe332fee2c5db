// POST /hooks/ID: where the senders of webhooks reach their triggers. Without a key: the signature says who
// it is.
#pragma once

#include "net/http.h"
#include "task/trigger/trigger_service.h"

namespace acloud::task::trigger {

class Webhook {
 public:
  static constexpr std::size_t kBodyMost = 256 << 10;

  Webhook(TriggerService& triggers, Clock& clock) : triggers_(triggers), clock_(clock) {}
  static bool takes(const net::Request& request) { return request.path().starts_with("/hooks/"); }
  // 202 when the event is on disk; 401 for a signature that is none of its sender's, 404, 413, 429, 503.
  Task<net::Response> handle(net::Request& request);

 private:
  Task<Result<>> accept(net::Request& request);

  TriggerService& triggers_;
  Clock& clock_;
};

}  // namespace acloud::task::trigger
