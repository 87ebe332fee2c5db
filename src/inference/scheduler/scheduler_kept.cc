// What of the scheduler has to do with states that are kept outside of the engine's memory.
#include <algorithm>

#include "inference/scheduler/scheduler.h"

namespace acloud::inference {
namespace {

bool begins_with(std::span<const Token> tokens, std::span<const Token> beginning) {
  return tokens.size() >= beginning.size() && std::ranges::equal(tokens.first(beginning.size()), beginning);
}

}  // namespace

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
  take_in(step, to, {.kind = Move::Kind::restore, .sequence = to, .tokens = kept.whole, .request = id},
          kept.tokens, id);
  return kept.tokens;
}

// By the move, `to` will hold the first `tokens` of the request's.
void Scheduler::take_in(Step& step, Sequence to, Move move, std::int32_t tokens, RequestId id) {
  cells_.grow(to, move.tokens);
  Slot& slot = slots_[static_cast<std::size_t>(to)];
  slot.request = id;
  slot.speaks = false;
  slot.used = steps_;
  slot.recalls = move.kind == Move::Kind::recall;
  const std::vector<Token>& all = requests_.at(id).tokens;
  slot.restoring.assign(all.begin(), all.begin() + tokens);
  const bool longer = move.tokens > tokens;
  step.moves.push_back(move);
  if (!longer) return;
  step.moves.push_back({.kind = Move::Kind::truncate, .sequence = to, .tokens = tokens});
  cells_.truncate(to, tokens);
}

// --- What was put aside. ---

Aside::Match Scheduler::best_aside(const Request& request) const {
  const std::span<const Token> usable(request.tokens.data(), request.tokens.size() - 1);
  const Aside::Match match = aside_.longest(usable);
  return match.tokens >= options_.aside_from ? match : Aside::Match();
}

// Gives the request a place with the state put aside that spares most, where no sequence has as much of it.
std::optional<std::int32_t> Scheduler::recall(RequestId id, Request& request, Step& step) {
  const Aside::Match match = best_aside(request);
  if (match.tokens < best_prefix(request).tokens + options_.aside_from) return std::nullopt;
  aside_.use(match.id);
  const Sequence to = free_place();
  forget(step, to, 0);
  // Room may be made of what was put aside as well.
  if (!make_room(step, match.whole) || !aside_.contains(match.id)) return std::nullopt;
  take_in(step, to, {.kind = Move::Kind::recall, .sequence = to, .tokens = match.whole, .aside = match.id},
          match.tokens, id);
  return match.tokens;
}

bool Scheduler::can_be_put_aside(const Slot& slot) const {
  return std::ssize(slot.held) >= options_.aside_from && aside_.takes(slot.held.size());
}

void Scheduler::put_aside(Step& step, Sequence sequence) {
  const Slot& slot = slots_[static_cast<std::size_t>(sequence)];
  if (const auto there = aside_.covers(slot.held)) return aside_.use(*there);
  const Aside::Added added = aside_.add(slot.held);
  const auto size = static_cast<std::int32_t>(slot.held.size());
  for (const Aside::Saved& gone : added.gone) {
    const bool there = std::ranges::none_of(step.moves, [&](const Move& move) {
      return move.kind == Move::Kind::put_aside && move.aside == gone.id;
    });
    const bool begins = begins_with(slot.held, gone.tokens);
    if (there && !begins && options_.keep_from > 0 && std::ssize(gone.tokens) >= options_.keep_from)
      step.leaving.push_back({.sequence = -1, .tokens = gone.tokens, .aside = gone.id});
    step.moves.push_back({.kind = Move::Kind::drop, .sequence = -1, .aside = gone.id});
  }
  step.moves.push_back(
      {.kind = Move::Kind::put_aside, .sequence = sequence, .tokens = size, .aside = added.id});
}

// One at a time, so that who comes meanwhile waits for one at most; each once, also where it was pushed out
// again.
void Scheduler::put_idle_aside(Step& step) {
  for (Sequence s = 0; s < options_.sequences && step.moves.empty(); ++s) {
    Slot& slot = slots_[static_cast<std::size_t>(s)];
    if (slot.request || slot.offered == slot.held.size() || !can_be_put_aside(slot)) continue;
    slot.offered = slot.held.size();
    put_aside(step, s);
  }
}

// Takes what is put aside out of the engine, where nobody runs with it.
void Scheduler::clear_idle(Step& step) {
  for (Sequence s = 0; s < options_.sequences; ++s) {
    const Slot& slot = slots_[static_cast<std::size_t>(s)];
    if (!slot.request && can_be_put_aside(slot)) forget(step, s, 0);
  }
}

void Scheduler::not_aside(Aside::Id id) { aside_.remove(id); }

void Scheduler::not_restored(Sequence sequence) {
  Slot& slot = slots_[static_cast<std::size_t>(sequence)];
  const auto tokens = static_cast<std::uint64_t>(std::exchange(slot.restoring, {}).size());
  cells_.truncate(sequence, 0);
  if (!slot.request) return;  // ended meanwhile
  const Request& request = requests_.at(*slot.request);
  if (request.tokens.size() == request.prompt) {
    stats_.prompt_tokens -= request.prompt;
    stats_.cached_tokens -= tokens;
    (slot.recalls ? stats_.recalled_tokens : stats_.fetched_tokens) -= tokens;
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
    if (std::ssize(slot.held) >= options_.keep_from) held.push_back({.sequence = s, .tokens = slot.held});
  }
  std::ranges::sort(held, std::ranges::greater(), [&](const Leaving& each) {
    return std::pair(slots_[static_cast<std::size_t>(each.sequence)].used, each.sequence);
  });
  for (Aside::Saved& saved : aside_.all()) {
    const bool longer = std::ranges::any_of(
        held, [&](const Leaving& each) { return begins_with(each.tokens, saved.tokens); });
    if (std::ssize(saved.tokens) >= options_.keep_from && !longer)
      held.push_back({.sequence = -1, .tokens = std::move(saved.tokens), .aside = saved.id});
  }
  return held;
}

}  // namespace acloud::inference
