#include "sandbox/egress/passage.h"

namespace acloud::sandbox::egress {
namespace {

constexpr std::chrono::milliseconds kEach{10};  // so: a hundred connections a second
constexpr std::chrono::seconds kBurst{2};       // that many may come at once

}  // namespace

Instant Proxy::Gate::State::take_turn(Instant now) {
  const std::lock_guard lock(mutex);
  turns_until = std::max(turns_until, now) + kEach;
  return turns_until - kBurst;
}

Proxy::Passage::Passage(Proxy& owner, std::shared_ptr<Gate::State> through)
    : proxy(owner), gate(std::move(through)), began(owner.clock_.instant()), last_byte(began) {
  record.request_id = "req_" + proxy.random_.hex(10);
  record.started = proxy.clock_.now();
  record.workspace = gate->workspace;
  record.principal = gate->sandbox;
  record.operation = "sandbox.egress";
  record.effect = "external";
  record.outcome = "ok";
}

Proxy::Passage::~Passage() {
  {
    const std::lock_guard lock(gate->mutex);
    gate->open.erase(this);
  }
  record.took_us =
      std::chrono::duration_cast<std::chrono::microseconds>(proxy.clock_.instant() - began).count();
  record.resource = fmt::format("{}?address={}&sent={}&received={}",
                                target.host.empty() ? "host" : "host/" + to_string(target),
                                address ? to_string(*address) : "", sent, received);
  if (!reason.empty()) record.resource += "&reason=" + reason;
  proxy.options_.audit(record);
}

Result<> Proxy::Passage::let_through(const Address& to, const Self& self) {
  address = to;
  const std::lock_guard lock(gate->mutex);
  ACLOUD_CHECK(gate->rules->check_name(target));
  ACLOUD_CHECK(gate->rules->check_address(target, to, self));
  gate->open.insert(this);
  return {};
}

void Proxy::Passage::note(const Error& error) {
  record.outcome = traits(error.code()).name;
  reason = error.message();
}

void Proxy::Gate::set(Rules rules) {
  const auto next = std::make_shared<const Rules>(std::move(rules));
  const Self self = proxy_->self();
  const std::lock_guard lock(state_->mutex);
  state_->rules = next;
  for (Passage* passage : state_->open) {
    const bool stays =
        next->check_name(passage->target) && next->check_address(passage->target, *passage->address, self);
    if (stays) continue;
    passage->broken_off = true;
    passage->told.set(true);
  }
}

Task<Result<std::string>> Proxy::CountedStream::read() {
  auto bytes = co_await body_.read();
  if (passage_->broken_off) {
    Error error(ErrorCode::permission_denied,
                fmt::format("{} is no longer allowed", to_string(passage_->target)));
    passage_->note(error);
    co_return std::unexpected(std::move(error));
  }
  if (bytes) (*passage_).*count_ += bytes->size();
  co_return bytes;
}

}  // namespace acloud::sandbox::egress
