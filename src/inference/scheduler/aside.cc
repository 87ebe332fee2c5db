#include "inference/scheduler/aside.h"

#include <algorithm>

namespace acloud::inference {
namespace {

std::int32_t common(std::span<const Token> a, std::span<const Token> b) {
  return static_cast<std::int32_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

}  // namespace

std::optional<Aside::Id> Aside::covers(std::span<const Token> tokens) const {
  for (const Saved& saved : saved_) {
    if (common(saved.tokens, tokens) == std::ssize(tokens)) return saved.id;
  }
  return std::nullopt;
}

Aside::Match Aside::longest(std::span<const Token> prompt) const {
  Match best;
  for (const Saved& saved : saved_) {
    const std::int32_t tokens = common(saved.tokens, prompt);
    if (tokens > best.tokens)
      best = {.id = saved.id, .tokens = tokens, .whole = static_cast<std::int32_t>(saved.tokens.size())};
  }
  return best;
}

Aside::Added Aside::add(std::vector<Token> tokens) {
  Added added{.id = ++ids_, .gone = {}};
  const auto take_out = [&](std::vector<Saved>::iterator at) {
    tokens_ -= static_cast<std::int32_t>(at->tokens.size());
    added.gone.push_back(std::move(*at));
    saved_.erase(at);
  };
  for (auto at = saved_.begin(); at != saved_.end();) {
    if (common(at->tokens, tokens) < std::ssize(at->tokens)) {
      ++at;
      continue;
    }
    const auto index = at - saved_.begin();
    take_out(at);
    at = saved_.begin() + index;
  }
  while (std::cmp_greater(tokens_ + std::ssize(tokens), limit_))
    take_out(std::ranges::min_element(saved_, {}, &Saved::used));
  tokens_ += static_cast<std::int32_t>(tokens.size());
  saved_.push_back({.id = added.id, .tokens = std::move(tokens), .used = ++uses_});
  return added;
}

void Aside::use(Id id) {
  const auto found = std::ranges::find(saved_, id, &Saved::id);
  if (found != saved_.end()) found->used = ++uses_;
}

void Aside::remove(Id id) {
  const auto found = std::ranges::find(saved_, id, &Saved::id);
  if (found == saved_.end()) return;
  tokens_ -= static_cast<std::int32_t>(found->tokens.size());
  saved_.erase(found);
}

bool Aside::contains(Id id) const { return std::ranges::find(saved_, id, &Saved::id) != saved_.end(); }

std::vector<Aside::Saved> Aside::all() const {
  std::vector<Saved> all = saved_;
  std::ranges::sort(all, std::ranges::greater(), &Saved::used);
  return all;
}

}  // namespace acloud::inference
