#include "net/server_timeouts.h"

namespace acloud::net {

void Timeouts::set(Kind kind, Duration from_now) {
  moments_[kind] = loop_.now() + from_now;
  expired_[kind] = false;
  if (moments_[kind] < scheduled_) schedule(moments_[kind]);
}

void Timeouts::schedule(Instant when) {
  scheduled_ = when;
  timer_ = loop_.call_at(when, [this] { check(); });
}

void Timeouts::check() {
  const Instant now = loop_.now();
  scheduled_ = Instant::max();
  for (const Kind kind : {read, write, total}) {
    if (moments_[kind] > now) continue;
    clear(kind);
    expired_[kind] = true;
    on_expiry_(kind);
  }
  const Instant next = *std::ranges::min_element(moments_);
  if (next < scheduled_) schedule(next);
}

}  // namespace acloud::net
