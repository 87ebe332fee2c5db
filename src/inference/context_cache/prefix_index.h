// Which rows of tokens are kept, which of them begins as a prompt does, and which was not used for longest.
//
// A pure structure: it knows neither files nor threads. Rows of one model are sorted, so that the row that
// has most in common with a prompt stands beside the prompt's own place.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "inference/engine/sampler.h"

namespace acloud::inference {

class PrefixIndex {
 public:
  using Id = std::uint64_t;
  struct Match {
    Id id = 0;
    std::int32_t tokens = 0;  // in common, from the first on
    std::int32_t whole = 0;   // of the row
    std::int64_t bytes = 0;
  };

  // As the last used. False, and nothing is done, where the model has this row already. REQUIRES: a new id,
  // and tokens.
  bool add(Id id, const std::string& model, std::vector<Token> tokens, std::int64_t bytes);
  // Not known: nothing happens.
  void remove(Id id);
  void used(Id id);

  // Nothing where no row has a token in common.
  std::optional<Match> longest(const std::string& model, std::span<const Token> prompt) const;
  // Rows that `tokens` begin with, but for `tokens` themselves.
  std::vector<Id> beginnings(const std::string& model, std::span<const Token> tokens) const;
  std::optional<Id> oldest() const;

  // REQUIRES: known.
  const std::vector<Token>& tokens(Id id) const { return entries_.at(id).row->first; }
  const std::string& model(Id id) const { return entries_.at(id).rows->first; }
  std::int64_t bytes(Id id) const { return entries_.at(id).bytes; }
  bool contains(Id id) const { return entries_.contains(id); }
  std::vector<Id> of(const std::string& model) const;
  std::vector<std::string> models() const;

  std::int64_t bytes() const { return bytes_; }  // of all
  std::size_t size() const { return entries_.size(); }

 private:
  struct Order {
    using is_transparent = void;
    bool operator()(std::span<const Token> a, std::span<const Token> b) const;
  };
  using Rows = std::map<std::vector<Token>, Id, Order>;
  using Models = std::map<std::string, Rows>;
  struct Entry {
    Models::iterator rows;
    Rows::iterator row;
    std::int64_t bytes;
    std::uint64_t used;
  };

  Models models_;
  std::map<Id, Entry> entries_;
  std::map<std::uint64_t, Id> by_use_;
  std::uint64_t uses_ = 0;
  std::int64_t bytes_ = 0;
};

}  // namespace acloud::inference
