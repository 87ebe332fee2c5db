// States of sequences that were put aside: saved in the process's memory, outside of the engine's cells. So
// idle ones do not make attention slower for those that run, and outlast their places.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "inference/engine/sampler.h"

namespace acloud::inference {

class Aside {
 public:
  using Id = std::uint64_t;  // never 0
  struct Saved {
    Id id = 0;
    std::vector<Token> tokens;
    std::uint64_t used = 0;  // in the order of use
  };
  struct Match {
    Id id = 0;
    std::int32_t tokens = 0;  // in common, from the first on
    std::int32_t whole = 0;   // of the state
  };

  // REQUIRES: limit, the tokens of all states together, >= 0.
  explicit Aside(std::int32_t limit) : limit_(limit) {}

  // Whether one of so many tokens may be put aside at all.
  bool takes(std::size_t tokens) const { return std::cmp_less_equal(tokens, limit_); }
  // The state that begins as these tokens do, all of them.
  std::optional<Id> covers(std::span<const Token> tokens) const;
  Match longest(std::span<const Token> prompt) const;

  struct Added {
    Id id = 0;
    std::vector<Saved> gone;  // for it: beginnings of it, and the least recently used
  };
  // REQUIRES: takes(tokens.size()).
  Added add(std::vector<Token> tokens);
  void use(Id id);
  // Not known: nothing happens.
  void remove(Id id);
  bool contains(Id id) const;

  // The last used first.
  std::vector<Saved> all() const;
  std::int32_t tokens() const { return tokens_; }

 private:
  const std::int32_t limit_;
  std::vector<Saved> saved_;  // few: a limit's worth of whole conversations
  std::int32_t tokens_ = 0;
  Id ids_ = 0;
  std::uint64_t uses_ = 0;
};

}  // namespace acloud::inference
