#include "inference/scheduler/scheduler.h"

#include <algorithm>

namespace acloud::inference {
namespace {

// A prefix that is being computed is worth waiting for from this many tokens on: about what a step takes in
// anyway.
constexpr std::int32_t kWorthWaiting = 32;

// Idle cells are cleared for so many tokens: for fewer, attention over them costs less than to bring them
// back.
constexpr std::int32_t kWorthClearing = 64;

std::int32_t common_prefix(const std::vector<Token>& a, std::span<const Token> b) {
  const auto [end, _] = std::ranges::mismatch(a, b);
  return static_cast<std::int32_t>(end - a.begin());
}

}  // namespace

Scheduler::Scheduler(const SchedulerOptions& options)
    : options_(options),
      slots_(static_cast<std::size_t>(options.sequences)),
      cells_(options.sequences, options.cells),
      aside_(options.reuse ? options.aside : 0) {}

Result<> Scheduler::add(RequestId id, std::string workspace, std::vector<Token> prompt,
                        std::optional<Kept> kept) {
  if (prompt.empty()) return fail(ErrorCode::invalid_argument, "the prompt is empty");
  if (std::ssize(prompt) >= options_.context) {
    return fail(ErrorCode::invalid_argument,
                "the prompt has {} tokens; the model takes {} together with its reply: shorten it",
                prompt.size(), options_.context);
  }
  if (queue_.size() >= options_.waiting) {
    return std::unexpected(
        Error(ErrorCode::unavailable, fmt::format("{} requests wait for the model", queue_.size()))
            .with_retry_after(std::chrono::seconds(1)));
  }
  queue_.push_back(workspace, id);
  const std::size_t size = prompt.size();
  // At least the last token is computed anew: its logits are wanted.
  if (kept) kept->tokens = std::min(kept->tokens, static_cast<std::int32_t>(size) - 1);
  if (kept && (!options_.reuse || kept->whole > options_.cells)) kept.reset();
  requests_[id] = {
      .workspace = std::move(workspace), .tokens = std::move(prompt), .prompt = size, .kept = kept};
  return {};
}

void Scheduler::end(RequestId id) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return;
  const std::string workspace = std::move(found->second.workspace);
  // One that is still on its way is the last that may be, until fetched().
  if (found->second.fetched && fetching_ == id) fetching_.reset();
  requests_.erase(found);
  const auto slot = std::ranges::find(slots_, std::optional(id), &Slot::request);
  if (slot == slots_.end()) {
    queue_.remove(workspace, id);
    return;
  }
  slot->request.reset();
  slot->speaks = false;
  queue_.end(workspace);
}

std::int32_t Scheduler::left(const Slot& slot) const {
  return static_cast<std::int32_t>(requests_.at(*slot.request).tokens.size() - slot.held.size());
}

std::optional<Step> Scheduler::next() {
  Step step;
  while (admit_one(step)) {
  }
  plan_work(step);
  if (step.work.empty() && step.moves.empty()) put_idle_aside(step);
  if (step.work.empty() && step.moves.empty()) return std::nullopt;
  last_ = step.work;
  ++steps_;
  return step;
}

// --- Who comes in, and from which prefix on. ---

bool Scheduler::admit_one(Step& step) {
  std::vector<Sequence> running;
  for (Sequence s = 0; s < options_.sequences; ++s) {
    if (slots_[static_cast<std::size_t>(s)].request) running.push_back(s);
  }
  if (std::ssize(running) == options_.sequences || queue_.size() == 0) return false;
  // What is idle can be evicted. A token for each that runs is left, so that they go on.
  const auto room = options_.cells - cells_.held_by(running) - static_cast<std::int32_t>(running.size());
  std::optional<RequestId> chosen;
  queue_.pop([&](RequestId id) {
    Request& request = requests_.at(id);
    const Prefix prefix = best_prefix(request);
    const std::int32_t available = std::max(prefix.tokens, best_aside(request).tokens);
    if (should_wait(request, available) || awaits_fetch(id, request, available)) return false;
    const bool shares = prefix.from >= 0 && slots_[static_cast<std::size_t>(prefix.from)].request;
    auto needs = static_cast<std::int32_t>(request.tokens.size()) - (shares ? prefix.tokens : 0);
    if (request.fetched)
      needs = std::max(static_cast<std::int32_t>(request.tokens.size()), request.kept->whole);
    // Where nobody runs, whoever comes fits.
    if (!running.empty() && needs > room) return false;
    chosen = id;
    return true;
  });
  if (!chosen) return false;
  place(*chosen, requests_.at(*chosen), step);
  return true;
}

Scheduler::Prefix Scheduler::best_prefix(const Request& request) const {
  Prefix best;
  if (!options_.reuse) return best;
  // At least the last token is computed anew: its logits are wanted.
  const std::span<const Token> usable(request.tokens.data(), request.tokens.size() - 1);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const std::int32_t tokens = common_prefix(slots_[i].held, usable);
    // Of equals, one that is held whole and by nobody, which can be continued in place.
    const bool whole = !slots_[i].request && std::ssize(slots_[i].held) == tokens;
    if (tokens > best.tokens || (tokens == best.tokens && tokens > 0 && whole))
      best = {static_cast<Sequence>(i), tokens};
  }
  const bool worth = best.tokens >= options_.least_shared || 2 * best.tokens >= std::ssize(request.tokens);
  return worth ? best : Prefix();
}

// Somebody computes more of this prompt's beginning right now.
bool Scheduler::should_wait(const Request& request, std::int32_t available) const {
  if (!options_.reuse) return false;
  const std::span<const Token> usable(request.tokens.data(), request.tokens.size() - 1);
  return std::ranges::any_of(slots_, [&](const Slot& slot) {
    if (!slot.request || slot.speaks) return false;
    const std::int32_t soon = common_prefix(requests_.at(*slot.request).tokens, usable);
    return soon > std::ssize(slot.held) && soon - available >= kWorthWaiting;
  });
}

// The place whose content is needed least. REQUIRES: one is free.
Sequence Scheduler::free_place() const {
  Sequence best = -1;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].request) continue;
    const auto rank = [&](std::size_t at) { return slots_[at].held.empty() ? 0 : slots_[at].used + 1; };
    if (best < 0 || rank(i) < rank(static_cast<std::size_t>(best))) best = static_cast<Sequence>(i);
  }
  return best;
}

void Scheduler::place(RequestId id, Request& request, Step& step) {
  const std::optional<std::int32_t> restored = restore(id, request, step);
  const std::optional<std::int32_t> recalled = restored ? std::nullopt : recall(id, request, step);
  const std::int32_t held = restored ? *restored : recalled ? *recalled : place_in_memory(id, request, step);
  if (std::ssize(request.tokens) - held >= kWorthClearing) clear_idle(step);
  request.order = admissions_++;
  queue_.begin(request.workspace);
  if (request.tokens.size() != request.prompt) return;  // it is back after a preemption
  stats_.prompt_tokens += request.prompt;
  stats_.cached_tokens += static_cast<std::uint64_t>(held);
  stats_.fetched_tokens += static_cast<std::uint64_t>(restored.value_or(0));
  stats_.recalled_tokens += static_cast<std::uint64_t>(recalled.value_or(0));
  step.admitted.push_back({id, held});
}

// How much of the request's tokens its place has.
std::int32_t Scheduler::place_in_memory(RequestId id, Request& request, Step& step) {
  const Prefix prefix = best_prefix(request);
  Sequence to = free_place();
  if (prefix.from >= 0) {
    const Slot& source = slots_[static_cast<std::size_t>(prefix.from)];
    if (!source.request && std::ssize(source.held) == prefix.tokens) to = prefix.from;
  }
  Slot& slot = slots_[static_cast<std::size_t>(to)];
  forget(step, to, to == prefix.from ? prefix.tokens : 0);
  if (to != prefix.from) {
    if (prefix.tokens > 0) {
      const Slot& source = slots_[static_cast<std::size_t>(prefix.from)];
      step.moves.push_back({Move::Kind::copy, prefix.from, to, prefix.tokens});
      cells_.share(prefix.from, to, prefix.tokens);
      slot.held.assign(source.held.begin(), source.held.begin() + prefix.tokens);
      slots_[static_cast<std::size_t>(prefix.from)].used = steps_;
    }
  }
  slot.request = id;
  slot.speaks = false;
  slot.used = steps_;
  return prefix.tokens;
}

void Scheduler::truncate(Step& step, Sequence sequence, std::int32_t keep) {
  Slot& slot = slots_[static_cast<std::size_t>(sequence)];
  if (std::ssize(slot.held) <= keep) return;
  step.moves.push_back({.kind = Move::Kind::truncate, .sequence = sequence, .tokens = keep});
  slot.held.resize(static_cast<std::size_t>(keep));
  slot.offered = 0;
  cells_.truncate(sequence, keep);
}

// What nobody uses is taken away: it is put aside, or named.
void Scheduler::forget(Step& step, Sequence sequence, std::int32_t keep) {
  const Slot& slot = slots_[static_cast<std::size_t>(sequence)];
  const std::int64_t held = std::ssize(slot.held);
  if (held > keep) {
    if (can_be_put_aside(slot)) {
      put_aside(step, sequence);
    } else if (options_.keep_from > 0 && held >= options_.keep_from) {
      step.leaving.push_back({.sequence = sequence, .tokens = slot.held});
    }
  }
  truncate(step, sequence, keep);
}

// --- What each takes in. ---

void Scheduler::plan_work(Step& step) {
  std::vector<Sequence> speaking;
  std::vector<Sequence> reading;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].request) (slots_[i].speaks ? speaking : reading).push_back(static_cast<Sequence>(i));
  }
  // One token each for those that speak. Room is made before anything is planned, since it may end others.
  while (!make_room(step, static_cast<std::int32_t>(speaking.size()))) {
    preempt(step);
    std::erase_if(speaking, [&](Sequence s) { return !slots_[static_cast<std::size_t>(s)].request; });
  }
  std::erase_if(reading, [&](Sequence s) { return !slots_[static_cast<std::size_t>(s)].request; });
  for (const Sequence sequence : speaking) plan(step, sequence, 1);

  const auto spoken = static_cast<std::int32_t>(speaking.size());
  std::int32_t budget = options_.batch - spoken;
  if (spoken > 0) budget = std::min(budget, options_.chunk);
  // The least served workspace first, then the oldest: prompts are finished one after the other.
  std::ranges::sort(reading, {}, [&](Sequence s) {
    const Request& request = requests_.at(*slots_[static_cast<std::size_t>(s)].request);
    return std::pair(queue_.served(request.workspace), request.order);
  });
  for (const Sequence sequence : reading) {
    if (budget == 0) break;
    Slot& slot = slots_[static_cast<std::size_t>(sequence)];
    // Preempted for the one before, or still to be restored, or it waits for its token.
    if (!slot.request || !slot.restoring.empty() || left(slot) == 0) continue;
    std::int32_t tokens = std::min(left(slot), budget);
    while (!make_room(step, tokens) && step.work.empty() && youngest() != sequence) preempt(step);
    tokens = std::min(tokens, cells_.free());
    if (tokens == 0) break;
    plan(step, sequence, tokens);
    budget -= tokens;
  }
}

void Scheduler::plan(Step& step, Sequence sequence, std::int32_t tokens) {
  Slot& slot = slots_[static_cast<std::size_t>(sequence)];
  const Request& request = requests_.at(*slot.request);
  Work work{.request = *slot.request,
            .sequence = sequence,
            .position = static_cast<std::int32_t>(slot.held.size())};
  const auto first = request.tokens.begin() + work.position;
  work.tokens.assign(first, first + tokens);
  work.samples = tokens == left(slot);
  step.work.push_back(std::move(work));
  cells_.grow(sequence, tokens);
}

// --- Room. ---

bool Scheduler::make_room(Step& step, std::int32_t tokens) {
  while (cells_.free() < tokens) {
    if (!evict(step)) return false;
  }
  return true;
}

// Forgets what the longest unused idle sequence holds. False where none holds anything of its own.
bool Scheduler::evict(Step& step) {
  Sequence oldest = -1;
  for (Sequence s = 0; s < options_.sequences; ++s) {
    const Slot& slot = slots_[static_cast<std::size_t>(s)];
    if (slot.request || slot.held.empty()) continue;
    if (oldest < 0 || slot.used < slots_[static_cast<std::size_t>(oldest)].used) oldest = s;
  }
  if (oldest < 0) return false;
  forget(step, oldest, 0);
  return true;
}

// Who gives way: of the most served workspace, the one that came last.
std::optional<Sequence> Scheduler::youngest() const {
  std::optional<Sequence> found;
  std::pair<std::int64_t, std::int64_t> highest;
  for (Sequence s = 0; s < options_.sequences; ++s) {
    const Slot& slot = slots_[static_cast<std::size_t>(s)];
    if (!slot.request || !slot.restoring.empty()) continue;
    const Request& request = requests_.at(*slot.request);
    const std::pair rank(queue_.served(request.workspace), request.order);
    if (!found || rank > highest) {
      found = s;
      highest = rank;
    }
  }
  return found;
}

void Scheduler::preempt(Step& step) {
  const std::optional<Sequence> sequence = youngest();
  if (!sequence) return;
  Slot& slot = slots_[static_cast<std::size_t>(*sequence)];
  const Request& request = requests_.at(*slot.request);
  queue_.push_front(request.workspace, *slot.request);
  queue_.end(request.workspace);
  slot.request.reset();
  slot.speaks = false;
  truncate(step, *sequence, 0);
  ++stats_.preempted;
}

// --- What became of it. ---

void Scheduler::taken() {
  settle_restores();
  for (Work& work : last_) {
    Slot& slot = slots_[static_cast<std::size_t>(work.sequence)];
    slot.held.insert(slot.held.end(), work.tokens.begin(), work.tokens.end());
    slot.used = steps_;
    if (slot.request != work.request) continue;  // ended meanwhile
    slot.speaks = false;
    queue_.charge(requests_.at(work.request).workspace, std::ssize(work.tokens));
  }
  last_.clear();
}

void Scheduler::failed() {
  settle_restores();
  for (const Work& work : last_) cells_.truncate(work.sequence, work.position);
  last_.clear();
}

void Scheduler::said(RequestId id, Token token) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return;
  found->second.tokens.push_back(token);
  const auto slot = std::ranges::find(slots_, std::optional(id), &Slot::request);
  if (slot != slots_.end()) slot->speaks = true;
}

Scheduler::Stats Scheduler::stats() const {
  Stats stats = stats_;
  stats.waiting = queue_.size();
  for (const Slot& slot : slots_) stats.running += slot.request ? 1 : 0;
  stats.cells_used = cells_.used();
  stats.aside = aside_.tokens();
  return stats;
}

}  // namespace acloud::inference
