// One connection through the proxy: what it is for, how much went through it, and its record for the audit,
// which is written when it ends, however that happens.
#pragma once

#include <mutex>
#include <set>

#include "async/channel.h"
#include "sandbox/egress/proxy.h"

namespace acloud::sandbox::egress {

struct Proxy::Gate::State {
  State(std::string of, std::string owner, Rules first)
      : sandbox(std::move(of)),
        workspace(std::move(owner)),
        rules(std::make_shared<Rules>(std::move(first))) {
    for (std::size_t i = 0; i < kLookupsMost; ++i) (void)lookups.try_send(Seat{});
  }

  std::shared_ptr<const Rules> current() const {
    const std::lock_guard lock(mutex);
    return rules;
  }
  // When the next connection may go on: a sandbox makes kRate of them a second, after a burst.
  Instant take_turn(Instant now);

  struct Seat {};
  const std::string sandbox, workspace;
  async::Channel<Seat> lookups{kLookupsMost};

  mutable std::mutex mutex;            // of what follows
  std::shared_ptr<const Rules> rules;  // shared with those that ask them just now
  std::set<Passage*> open;             // that have been let through
  Instant turns_until{};
};

struct Proxy::Passage {
  Passage(Proxy& owner, std::shared_ptr<Gate::State> through);
  ~Passage();
  Passage(const Passage&) = delete;
  Passage& operator=(const Passage&) = delete;

  // Its resource is "host/HOST:PORT?address=...&sent=N&received=N", in bytes, and "&reason=..." to the end
  // where it failed.
  kernel::CallRecord record;

  // From here on a change of the rules can end it. Errors: permission_denied: it has come already.
  Result<> let_through(const Address& to, const Self& self);
  void note(const Error& error);

  Proxy& proxy;
  const std::shared_ptr<Gate::State> gate;  // shared with the others
  const Instant began;
  Target target;
  std::optional<Address> address;  // dialled
  std::uint64_t sent = 0, received = 0;
  std::string reason;  // where it failed
  Instant last_byte;
  std::atomic<bool> broken_off{false};
  async::OneShot<bool> told;  // that it is
};

// A body on its way through: counted, and broken off with its passage.
class Proxy::CountedStream final : public net::Stream {
 public:
  CountedStream(std::shared_ptr<Passage> passage, net::Body body, std::uint64_t Passage::* count)
      : passage_(std::move(passage)), body_(std::move(body)), count_(count) {}
  Task<Result<std::string>> read() override;

 private:
  std::shared_ptr<Passage> passage_;  // shared with the other direction
  net::Body body_;
  std::uint64_t Passage::* count_;
};

}  // namespace acloud::sandbox::egress
