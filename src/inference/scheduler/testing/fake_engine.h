// An engine without a model: it keeps rows of tokens, counts cells as a real one does, refuses what a real
// one would not bear, and says what is a function of the whole row, so that a wrong row says something else.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "inference/scheduler/scheduler.h"

namespace acloud::inference::testing {

class FakeEngine {
 public:
  explicit FakeEngine(const SchedulerOptions& options)
      : options_(options), rows_(static_cast<std::size_t>(options.sequences)) {}

  static Token next_token(std::span<const Token> row) {
    std::uint64_t hash = 1469598103934665603ULL;
    for (const Token token : row) hash = (hash ^ static_cast<std::uint64_t>(token)) * 1099511628211ULL;
    return static_cast<Token>(hash >> 33U & 0xffffU);
  }
  // What a request with this prompt must say.
  static std::vector<Token> says(std::vector<Token> prompt, std::size_t tokens) {
    std::vector<Token> said;
    for (std::size_t i = 0; i < tokens; ++i) {
      said.push_back(next_token(prompt));
      prompt.push_back(said.back());
    }
    return said;
  }

  // Does the step. Gives the next token of each work that samples, or says what is wrong with it.
  std::map<RequestId, Token> run(const Step& step, std::string& wrong) {
    for (const Leaving& leaving : step.leaving) {
      if (leaving.tokens != held(leaving)) wrong = "something else leaves";
    }
    refused.clear();
    unsaved.clear();
    for (const Move& move : step.moves) make(move, wrong);
    std::map<RequestId, Token> said;
    std::set<Sequence> seen;
    std::size_t tokens = 0;
    for (const Work& work : step.work) {
      Row& row = rows_[static_cast<std::size_t>(work.sequence)];
      if (!seen.insert(work.sequence).second) wrong = "a sequence twice in a step";
      if (work.position != std::ssize(row)) wrong = "a position that is not the row's end";
      if (work.tokens.empty()) wrong = "work without tokens";
      tokens += work.tokens.size();
      for (const Token token : work.tokens) row.push_back(std::make_shared<Token>(token));
      if (std::ssize(row) > options_.context) wrong = "a row longer than the context";
      if (work.samples) said[work.request] = next_token(values(row));
    }
    if (step.work.empty() && step.moves.empty()) wrong = "a step without work";
    if (tokens > static_cast<std::size_t>(options_.batch)) wrong = "a step above the batch";
    if (cells() > options_.cells) wrong = "more cells than there are";
    return said;
  }

  std::vector<Token> row(Sequence sequence) const {
    return values(rows_[static_cast<std::size_t>(sequence)]);
  }

  std::vector<Token> held(const Leaving& leaving) const {
    if (leaving.aside == 0) return row(leaving.sequence);
    const auto found = aside.find(leaving.aside);
    return found == aside.end() ? std::vector<Token>() : found->second;
  }

  std::map<Aside::Id, std::vector<Token>> aside;
  bool saves = true;               // else nothing can be put aside
  std::vector<Aside::Id> unsaved;  // by the last run

  // What was fetched for requests. A state of no tokens is refused.
  std::map<RequestId, std::vector<Token>> states;
  std::vector<Sequence> refused;  // by the last run

  std::int32_t cells() const {
    std::set<const Token*> distinct;
    for (const Row& row : rows_) {
      for (const auto& cell : row) distinct.insert(cell.get());
    }
    return static_cast<std::int32_t>(distinct.size());
  }

 private:
  using Row = std::vector<std::shared_ptr<Token>>;  // shared: a copied prefix shares its cells

  static std::vector<Token> values(const Row& row) {
    std::vector<Token> tokens;
    for (const auto& cell : row) tokens.push_back(*cell);
    return tokens;
  }
  void make(const Move& move, std::string& wrong) {
    if (move.kind == Move::Kind::drop) {
      if (aside.erase(move.aside) == 0 && std::ranges::count(unsaved, move.aside) == 0)
        wrong = "what was not put aside is dropped";
      return;
    }
    Row& row = rows_[static_cast<std::size_t>(move.sequence)];
    if (move.kind == Move::Kind::restore) return restore(move, row, wrong);
    if (move.kind == Move::Kind::recall) return recall(move, row, wrong);
    if (move.kind == Move::Kind::put_aside) {
      if (std::ssize(row) != move.tokens) wrong = "what is put aside is not all that is held";
      if (saves)
        aside[move.aside] = values(row);
      else
        unsaved.push_back(move.aside);
      return;
    }
    if (std::ranges::count(refused, move.sequence) > 0) return;  // a truncation of what is not there
    if (move.tokens > std::ssize(row)) wrong = "a move of more than there is";
    if (move.kind == Move::Kind::truncate) {
      row.resize(static_cast<std::size_t>(move.tokens));
      return;
    }
    Row& to = rows_[static_cast<std::size_t>(move.to)];
    if (!to.empty()) wrong = "a copy onto something";
    to.assign(row.begin(), row.begin() + move.tokens);
  }
  void restore(const Move& move, Row& row, std::string& wrong) {
    if (!row.empty()) wrong = "a restore onto something";
    const auto state = states.find(move.request);
    if (state == states.end()) {
      wrong = "a restore of what was not fetched";
      return;
    }
    take_in(state->second, move, row, wrong);
  }
  void recall(const Move& move, Row& row, std::string& wrong) {
    if (!row.empty()) wrong = "a recall onto something";
    const auto state = aside.find(move.aside);
    if (state == aside.end() && std::ranges::count(unsaved, move.aside) == 0)
      wrong = "a recall of what is not there";
    take_in(state == aside.end() ? std::vector<Token>() : state->second, move, row, wrong);
  }
  void take_in(const std::vector<Token>& state, const Move& move, Row& row, std::string& wrong) {
    if (state.empty()) return refused.push_back(move.sequence);
    if (std::ssize(state) != move.tokens) wrong = "a restore of another size";
    for (const Token token : state) row.push_back(std::make_shared<Token>(token));
    if (cells() > options_.cells) wrong = "more cells than there are, by a restore";
  }

  const SchedulerOptions options_;
  std::vector<Row> rows_;
};

}  // namespace acloud::inference::testing
