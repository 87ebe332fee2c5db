#include "sandbox/code/zygotes.h"

#include "base/log.h"

namespace acloud::sandbox::code {
namespace {

constexpr std::chrono::seconds kAfterFailure{60};  // such as an image without Python

using Steady = std::chrono::steady_clock;

}  // namespace

ZygotePlan plan(const ZygoteDemand& demand, jail::Demand::Instant now) {
  if (!demand.used) return {};
  const bool lately = jail::wanted(demand.code, {.least = 0, .most = 1}, now) > 0;
  return {.kept = jail::wanted(demand.code, kZygotes, now),
          .now = lately || now - demand.last_made >= kQuiet};
}

std::optional<Zygote> Zygotes::take() {
  std::deque<Zygote> dead;  // their ends are outside of the lock
  const std::lock_guard lock(mutex_);
  while (!stock_.empty()) {
    Zygote zygote = std::move(stock_.front());
    stock_.pop_front();
    if (zygote.python->answers()) return zygote;
    dead.push_back(std::move(zygote));
  }
  return std::nullopt;
}

void Zygotes::note_sandbox() {
  {
    const std::lock_guard lock(mutex_);
    demand_.used = true;
    demand_.last_made = Steady::now();
  }
  look();
}

void Zygotes::note_code() {
  {
    const std::lock_guard lock(mutex_);
    demand_.code = jail::after_take(demand_.code, Steady::now());
  }
  look();
}

std::size_t Zygotes::stock() const {
  const std::lock_guard lock(mutex_);
  return stock_.size();
}

ZygotePlan Zygotes::plan_now() const {
  const std::lock_guard lock(mutex_);
  return plan(demand_, Steady::now());
}

Task<> Zygotes::keep() {
  while (co_await bell_.receive()) {
    for (auto wanted = plan_now(); stock() != wanted.kept; wanted = plan_now()) {
      if (stock() > wanted.kept) {
        co_await end_one();
      } else if (!wanted.now) {
        if (!co_await async::sleep_for(kQuiet)) co_return;
      } else if (auto made = co_await make_()) {
        const std::lock_guard lock(mutex_);
        stock_.push_back(*std::move(made));
      } else {
        log::debug("no Python could be started ahead", {{"error", made.error().message()}});
        if (!co_await async::sleep_for(kAfterFailure)) co_return;
      }
    }
  }
}

Task<> Zygotes::end_one() {
  std::optional<Zygote> last = take();
  if (!last) co_return;
  const std::string id = last->jail->id();
  co_await end_(id);
}

Task<> Zygotes::end() {
  while (stock() > 0) co_await end_one();
}

}  // namespace acloud::sandbox::code
