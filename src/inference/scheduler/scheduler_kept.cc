// What of the scheduler has to do with states that are kept outside of the engine's memory.
#include <algorithm>

#include "inference/scheduler/scheduler.h"

namespace acloud::inference {

bool Scheduler::gains(const Request& request, std::int32_t available) const {
  return request.kept && request.kept->tokens > available &&
         request.kept->tokens - available >= request.kept->least_gain;
}

// Whether the request waits for its state; asks for it where it is worth that and no other is on its way.
bool Scheduler::awaits_fetch(RequestId id, Request& request, std::int32_t available) {
  if (!request.kept) return false;
  if (!gains(request, available)) {
    // Memory has it by now. What is on its way is left to arrive.
    if (request.fetched) fetching_.reset();
    request.fetched = false;
    request.kept.reset();
    return false;
  }
  if (request.fetched) return false;
  if (!fetching_) {
    fetching_ = id;
    wanted_ = {id, request.kept->state};
  }
  return true;
}

bool Scheduler::fetched(RequestId id, bool here) {
  if (fetching_ != id) return false;
  const auto found = requests_.find(id);
  if (found != requests_.end() && found->second.kept && here) return found->second.fetched = true;
  if (found != requests_.end()) found->second.kept.reset();
  fetching_.reset();
  return false;
}

// Gives the request a place that its fetched state is restored into. Nothing where there is none to restore,
// or no room for all of it: its end may be cut off only when it is there.
std::optional<std::int32_t> Scheduler::restore(RequestId id, Request& request, Step& step) {
  if (!request.fetched) return std::nullopt;
  const Kept kept = *std::exchange(request.kept, std::nullopt);
  request.fetched = false;
  fetching_.reset();
  const Sequence to = free_place();
  forget(step, to, 0);
  if (!make_room(step, kept.whole)) return std::nullopt;
  step.moves.push_back({.kind = Move::Kind::restore, .sequence = to, .tokens = kept.whole, .request = id});
  cells_.grow(to, kept.whole);
  if (kept.whole > kept.tokens) {
    step.moves.push_back({.kind = Move::Kind::truncate, .sequence = to, .tokens = kept.tokens});
    cells_.truncate(to, kept.tokens);
  }
  Slot& slot = slots_[static_cast<std::size_t>(to)];
  slot.request = id;
  slot.speaks = false;
  slot.used = steps_;
  slot.restoring.assign(request.tokens.begin(), request.tokens.begin() + kept.tokens);
  return kept.tokens;
}

void Scheduler::not_restored(Sequence sequence) {
  Slot& slot = slots_[static_cast<std::size_t>(sequence)];
  const auto tokens = static_cast<std::uint64_t>(std::exchange(slot.restoring, {}).size());
  cells_.truncate(sequence, 0);
  if (!slot.request) return;  // ended meanwhile
  const Request& request = requests_.at(*slot.request);
  if (request.tokens.size() == request.prompt) {
    stats_.prompt_tokens -= request.prompt;
    stats_.cached_tokens -= tokens;
    stats_.fetched_tokens -= tokens;
  }
  queue_.push_front(request.workspace, *slot.request);
  queue_.end(request.workspace);
  slot.request.reset();
}

void Scheduler::settle_restores() {
  for (Slot& slot : slots_) {
    if (!slot.restoring.empty()) slot.held = std::exchange(slot.restoring, {});
  }
}

std::vector<Leaving> Scheduler::held() const {
  std::vector<Leaving> held;
  if (options_.keep_from <= 0) return held;
  for (Sequence s = 0; s < options_.sequences; ++s) {
    const Slot& slot = slots_[static_cast<std::size_t>(s)];
    if (std::ssize(slot.held) >= options_.keep_from) held.push_back({s, slot.held});
  }
  std::ranges::sort(held, std::ranges::greater(), [&](const Leaving& each) {
    return std::pair(slots_[static_cast<std::size_t>(each.sequence)].used, each.sequence);
  });
  return held;
}

}  // namespace acloud::inference
